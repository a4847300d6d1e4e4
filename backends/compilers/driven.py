"""A vendor's Python package at work in its own environment: a driver script, a job as JSON in, a result as JSON out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.compilers.layerwise import Arrays
from backends.contract import Progress
from backends.errors import WorkerError
from backends.toolchains import ToolEnvironment, ToolRun

JOB_TIMEOUT_S = 3600.0
"""For one job: a hang of the tool. The whole target has a limit of its own (``--timeout``), usually far below."""

TELL_EVERY_S = 30.0
"""A job that works long says so this often."""


@dataclass(frozen=True, slots=True)
class Driven:
    """A job that ended well: what the driver told, and how the process went."""

    told: dict[str, Any]
    run: ToolRun


class Driver:
    """Runs one vendor's driver script (standard library and vendor packages only) on one job after the other."""

    def __init__(
        self, environment: ToolEnvironment, script: Path, progress: Progress, timeout_s: float = JOB_TIMEOUT_S
    ):
        self.environment, self._script, self._progress = environment, script, progress
        self._timeout_s = timeout_s

    def do(self, job: dict[str, Any], folder: Path, name: str) -> Driven:
        """Do ``job`` in ``folder``; files of it are named after ``name``.

        Raises:
            WorkerError: The process died, hung, or left no result that can be read; with its last telling line.
        """
        result = folder / f"{name}.result.json"
        result.unlink(missing_ok=True)
        asked = folder / f"{name}.job.json"
        asked.write_text(json.dumps({**job, "result": str(result)}))
        # A copy, because the folder a script lies in comes first where it looks for modules.
        script = shutil.copy(self._script, folder / f"{name}.py")
        command = [self.environment.python, script, asked]
        run = self.environment.run(command, cwd=folder, timeout_s=self._timeout_s, watch=self._watch(name))
        tool = self.environment.toolchain.name
        if not run.succeeded:
            raise WorkerError(f"{tool}: {run.told()}")
        try:
            told = json.loads(result.read_text(encoding="utf-8"))
        except FileNotFoundError:
            told = None
        except ValueError as error:
            raise WorkerError(f"{tool}: {name} left a result that is no JSON ({error})") from error
        if not isinstance(told, dict):
            raise WorkerError(f"{tool}: {name} ended with status 0 and left no result; {run.told()}")
        return Driven(told, run)

    def _watch(self, name: str) -> Callable[[Path], None]:
        began = said = time.monotonic()

        def watch(_: Path) -> None:
            nonlocal said
            now = time.monotonic()
            if now - said >= TELL_EVERY_S:
                said = now
                self._progress(f"{name}: {self.environment.toolchain.name} has worked for {now - began:.0f} s")

        return watch


def save_arrays(path: Path, arrays: Arrays) -> Path:
    """Write ``arrays`` by name."""
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def load_outputs(path: Path, shapes: dict[str, tuple[int, ...]], tool: str) -> Arrays:
    """What a simulator wrote as ``output_0``, ``output_1``, ...: by the names and in the shapes of the ONNX graph.

    Raises:
        WorkerError: The file is missing, damaged, or holds other outputs than the graph has.
    """
    try:
        with np.load(path) as file:
            found = [file[f"output_{number}"] for number in range(len(file.files))]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise WorkerError(f"{tool}: the simulator's outputs cannot be read: {error}") from error
    wanted = [int(np.prod(shape)) for shape in shapes.values()]
    if [array.size for array in found] != wanted:
        gave = ", ".join(str(list(array.shape)) for array in found) or "nothing"
        asked = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise WorkerError(f"{tool}: the simulator gave {gave} where the graph has {asked}")
    return {name: array.reshape(shape) for array, (name, shape) in zip(found, shapes.items(), strict=True)}
