"""The same targets in two Python environments, in turns: two commits, or two versions of an engine, in one sitting."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.common.errors import InputError
from backends.contract.backend import WorkerCommand
from backends.contract.registry import load_backend
from profiler.run.progress import Progress
from profiler.run.request import Request, hindrance
from profiler.run.session import Outcome, Racer, Session, in_turns
from profiler.run.supervisor import PROGRAM
from profiler.run.together import segments_s

_ASK = "import importlib.metadata as m, profiler.run.worker; print(m.version('chipassay'))"
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python with chipassay in it: as the user named it, its interpreter, and the version found there."""

    name: str
    python: Path
    version: str

    @property
    def worker(self) -> WorkerCommand:
        """Return how a worker is started in it, with its own chipassay and none of ours."""
        return WorkerCommand((str(self.python), "-P", "-m", PROGRAM.module), {"PYTHONPATH": ""})


def find_environment(name: str) -> Environment:
    """Return the environment that ``name`` is: a virtual environment's folder, or an interpreter.

    Raises:
        InputError: There is no interpreter, or chipassay cannot be imported by it.
    """
    path = Path(name).expanduser()
    python = path / "bin" / "python" if path.is_dir() else path
    if not python.is_file() or not os.access(python, os.X_OK):
        raise InputError(f"{name} is no Python environment: there is no {python}; name a virtual environment's folder")
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        asked = subprocess.run(
            [str(python), "-P", "-c", _ASK], capture_output=True, text=True, env=clean, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{name} does not answer as a Python environment: {error}") from error
    if asked.returncode:
        last = asked.stderr.strip().rpartition("\n")[2]
        raise InputError(f"{name} cannot run a worker ({last}); install chipassay into it")
    return Environment(name, python.absolute(), asked.stdout.strip())


def race_environments(
    request: Request, environments: Sequence[Environment], out: Path, progress: Progress
) -> tuple[Outcome, ...]:
    """Run all targets in every environment, in turns; write a bundle ``out/1``, ``out/2``, ... for each.

    Raises:
        InputError: A target runs in a Python environment of its vendor's, or not on the host's processor.
        ChipassayError: A target cannot run here.
    """
    for target in request.targets:
        backend = load_backend(target.backend)
        if backend.accelerator(target.device) is not None or backend.worker(target.device, PROGRAM) is not None:
            raise InputError(f"{target.id} cannot take turns: only targets on the host's processor can")
        if (error := hindrance(target, request)) is not None:
            raise error
    free = {target.id: None for target in request.targets}
    sessions = [
        Session(request, out / str(number), progress, dict(free), environment.worker)
        for number, environment in enumerate(environments, 1)
    ]
    try:
        references = [session.begin() for session in sessions]
        racers = [
            Racer(f"{number}: {target.id}", session, target, reference)
            for number, (session, reference) in enumerate(zip(sessions, references, strict=True), 1)
            for target in request.targets
        ]
        in_turns(racers, segments_s(request, len(racers)))
    except BaseException:
        for session in sessions:
            session.writer.discard()
        raise
    finally:
        for session in sessions:
            session.measuring.close()
    return tuple(Outcome(session.writer.finish("complete"), False, tuple(session.finished)) for session in sessions)
