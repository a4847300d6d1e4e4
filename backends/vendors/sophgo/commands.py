"""tpu-mlir's programs: transform, deploy, simulate, list; each judged by its files and its output."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from backends.contract.backend import Progress
from backends.toolchains import ToolEnvironment, ToolRun
from backends.toolchains.state import locked
from backends.vendors.sophgo.verdict import require_success

COMMAND_TIMEOUT_S = 3600.0
"""Per-program timeout; longer means the tool hung. ``--timeout`` limits the whole target, usually far below."""

TELL_EVERY_S = 30.0
"""Seconds between progress lines of a long program."""

Argument = str | Path


class Commands:
    """The programs of one installation. Each raises :class:`WorkerError` unless it made what it was asked to make."""

    def __init__(self, environment: ToolEnvironment, progress: Progress) -> None:
        self._environment, self._progress = environment, progress
        self._package = environment.site_packages / "tpu_mlir"

    def transform(self, graph: Path, name: str, folder: Path, inputs: str) -> ToolRun:
        """ONNX to ``NAME.mlir``; every tensor is compared with ONNX Runtime's on ``inputs`` (an npz in ``folder``)."""
        arguments: list[Argument] = ["--model_name", name, "--model_def", graph]
        arguments += ["--mlir", f"{name}.mlir", "--test_input", inputs, "--test_result", "top.npz"]
        return self._script("model_transform.py", arguments, folder, f"{name}.mlir", "top.npz")

    def deploy(self, name: str, folder: Path, *, chip: str, quantize: str, cores: int, types: Sequence[str]) -> ToolRun:
        """``NAME.mlir`` to the chip's program ``NAME.bmodel`` and its schedule, ``compiler_profile_0.txt``."""
        arguments: list[Argument] = ["--mlir", f"{name}.mlir", "--model", f"{name}.bmodel", "--chip", chip]
        arguments += ["--quantize", quantize, "--num_core", str(cores), *types]
        return self._script("model_deploy.py", arguments, folder, f"{name}.bmodel", "compiler_profile_0.txt")

    def info(self, name: str, folder: Path) -> str:
        """Return ``model_tool``'s description of ``NAME.bmodel``."""
        return self._run([self._package / "bin" / "model_tool", "--info", f"{name}.bmodel"], folder).output

    def simulate(self, name: str, folder: Path, inputs: str, outputs: str) -> ToolRun:
        """Run ``NAME.bmodel`` on the chip's functional model, one simulation at a time on this machine."""
        arguments: list[Argument] = ["--input", inputs, "--model", f"{name}.bmodel", "--output", outputs]
        waiting = "another simulation is running on this machine; waiting for it"
        # The simulator of the chip is linked into the package's folder: two chips at once would get each other's.
        with locked(self._environment.folder / "simulator.lock", waiting, self._progress):
            return self._script("model_runner.py", arguments, folder, outputs)

    def _script(self, script: str, arguments: Sequence[Argument], folder: Path, *makes: str) -> ToolRun:
        return self._run(
            [self._environment.python, self._package / "python" / "tools" / script, *arguments], folder, *makes
        )

    def _run(self, command: Sequence[Argument], folder: Path, *makes: str) -> ToolRun:
        began = reported = time.monotonic()
        program = Path(command[1] if command[0] == self._environment.python else command[0]).stem

        def watch(_: Path) -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= TELL_EVERY_S:
                reported = now
                self._progress(f"{folder.name}: {program} has worked for {now - began:.0f} s")

        run = self._environment.run(command, cwd=folder, timeout_s=COMMAND_TIMEOUT_S, watch=watch)
        require_success(run, [folder / name for name in makes])
        return run
