"""Drives a vendor's Python package in its environment: a driver script, a job as JSON in, a result as JSON out."""

from __future__ import annotations

import json
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.common.errors import WorkerError
from backends.contract.backend import Progress
from backends.toolchains import ToolEnvironment, ToolRun
from backends.vendors.base.layerwise import Arrays

JOB_TIMEOUT_S = 3600.0
"""Per-job timeout; longer means the tool hung. ``--timeout`` limits the whole target, usually far below."""

CLOSE_S = 10.0
"""Seconds to wait after asking a process to end."""

ASK_EVERY_S = 0.05
"""Seconds between looks for an answer."""

TELL_EVERY_S = 30.0
"""Seconds between progress lines of a long job."""


@dataclass(frozen=True, slots=True)
class Driven:
    """A job that ended well: the driver's result, and how the process ran."""

    result: dict[str, Any]
    run: ToolRun


class Driver:
    """Runs one vendor's driver script (standard library and vendor packages only) on one job after the other."""

    def __init__(
        self, environment: ToolEnvironment, script: Path, progress: Progress, timeout_s: float = JOB_TIMEOUT_S
    ) -> None:
        self.environment, self._script, self._progress = environment, script, progress
        self._timeout_s = timeout_s

    @property
    def tool(self) -> str:
        """The toolchain's name."""
        return self.environment.toolchain.name

    def do(self, job: dict[str, Any], folder: Path, name: str) -> Driven:
        """Do ``job`` in ``folder``; files of it are named after ``name``.

        Raises:
            WorkerError: The process died, hung, or left no result that can be read; with the line that explains it.
        """
        run = self._run(job, folder, name)
        return Driven(self._result(run, folder / f"{name}.result.json"), run)

    def start(self, job: dict[str, Any], folder: Path, name: str) -> Served:
        """Begin ``job``, whose process then stays to answer requests."""
        return Served(self, job, folder, name)

    def _run(self, job: dict[str, Any], folder: Path, name: str, log: Path | None = None) -> ToolRun:
        result = folder / f"{name}.result.json"
        result.unlink(missing_ok=True)
        asked = folder / f"{name}.job.json"
        asked.write_text(json.dumps({**job, "result": str(result)}))
        # A copy, because the folder a script lies in comes first where it looks for modules.
        script = shutil.copy(self._script, folder / f"{name}.py")
        command = [self.environment.python, script, asked]
        watch = self._watch(name, result)
        return self.environment.run(command, cwd=folder, timeout_s=self._timeout_s, watch=watch, log=log)

    def _result(self, run: ToolRun, result: Path) -> dict[str, Any]:
        if not run.succeeded:
            raise WorkerError(f"{self.tool}: {run.summary()}")
        return read_result(result, self.tool, run.summary())

    def _watch(self, name: str, result: Path) -> Callable[[Path], None]:
        began = reported = time.monotonic()

        def watch(_: Path) -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= TELL_EVERY_S and not result.exists():
                reported = now
                self._progress(f"{name}: {self.tool} has worked for {now - began:.0f} s")

        return watch


class Served:
    """A process that did its job and stays to answer requests, files again: what it built lives in its memory only.

    The process waits for the file ``N.request.json`` in its folder ``requests``, does what it says, and writes
    ``N.answer.json``; it ends at the file ``stop``. Must be closed.
    """

    def __init__(self, driver: Driver, job: dict[str, Any], folder: Path, name: str) -> None:
        self._driver, self._folder, self._name = driver, folder, name
        self._requests = folder / f"{name}.requests"
        self._requests.mkdir()
        self.log = folder / f"{name}.log"
        self._asked = 0
        self._ended: ToolRun | BaseException | None = None
        self._thread = threading.Thread(
            target=self._serve, args=({**job, "requests": str(self._requests)},), daemon=True
        )
        self._thread.start()

    def result(self) -> dict[str, Any]:
        """Return the result of the job once it is done; the process stays.

        Raises:
            WorkerError: The process died, hung, or left no result that can be read.
        """
        return self._wait_for(self._folder / f"{self._name}.result.json")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to ``request``."""
        self._asked += 1
        write_whole(self._requests / f"{self._asked}.request.json", request)
        return self._wait_for(self._requests / f"{self._asked}.answer.json")

    def close(self) -> None:
        """Ask the process to end, and wait; one that is too busy ends with this process."""
        (self._requests / "stop").touch()
        self._thread.join(CLOSE_S)

    def output(self) -> str:
        """Return what the process has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _serve(self, job: dict[str, Any]) -> None:
        try:
            self._ended = self._driver._run(job, self._folder, self._name, self.log)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._ended = error

    def _wait_for(self, path: Path) -> dict[str, Any]:
        while self._thread.is_alive() and not path.exists():
            self._thread.join(ASK_EVERY_S)
        if not path.exists():
            if isinstance(self._ended, ToolRun):
                raise WorkerError(f"{self._driver.tool}: {self._ended.summary()}")
            assert self._ended is not None
            raise self._ended
        return read_result(path, self._driver.tool, "it goes on")


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that a reader of ``path`` never sees half of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def read_result(path: Path, tool: str, ending: str) -> dict[str, Any]:
    """Return what a driver left in ``path``.

    Raises:
        WorkerError: There is nothing, or no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WorkerError(f"{tool}: {path.name} was not written; {ending}") from None
    except ValueError as error:
        raise WorkerError(f"{tool}: {path.name} is no JSON ({error}); {ending}") from error
    if not isinstance(found, dict):
        raise WorkerError(f"{tool}: {path.name} holds no JSON object; {ending}")
    return found


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
        with path.open("rb") as handle, np.load(handle) as file:
            found = [file[f"output_{number}"] for number in range(len(file.files))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise WorkerError(f"{tool}: the simulator's outputs cannot be read: {error}") from error
    wanted = [int(np.prod(shape)) for shape in shapes.values()]
    if [array.size for array in found] != wanted:
        gave = ", ".join(str(list(array.shape)) for array in found) or "nothing"
        asked = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise WorkerError(f"{tool}: the simulator gave {gave} where the graph has {asked}")
    return {name: array.reshape(shape) for array, (name, shape) in zip(found, shapes.items(), strict=True)}
