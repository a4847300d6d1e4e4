"""A finished environment of a toolchain, and running programs in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import distributions
from pathlib import Path

from backends.contract.backend import WorkerCommand
from backends.toolchains.catalogue import Toolchain
from backends.toolchains.fittings import Fittings, fittings_of
from backends.toolchains.own_packages import own_packages
from backends.toolchains.running import ToolRun, run_tool
from backends.toolchains.state import in_use

_OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONSAFEPATH", "VIRTUAL_ENV", "CONDA_PREFIX",
         "__PYVENV_LAUNCHER__")  # fmt: skip
"""Variables of the user's own Python that would reach into the vendor's."""


@dataclass(frozen=True)
class ToolEnvironment:
    """The environment of one toolchain: ``folder`` is a virtual environment of its own."""

    toolchain: Toolchain
    folder: Path
    being_made: bool = False
    """Only its maker, who holds the lock, may use it before it is finished."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @cached_property
    def site_packages(self) -> Path:
        """The folder its packages are installed in."""
        found = sorted((self.folder / "lib").glob("python3.*/site-packages"))
        return found[0] if found else self.folder / "lib" / "site-packages"

    def packages(self) -> dict[str, str]:
        """Name and version of every package in it, sorted by name."""
        found = {one.metadata["Name"]: one.version for one in distributions(path=[str(self.site_packages)])}
        return dict(sorted(found.items(), key=lambda item: item[0].lower()))

    @property
    def fittings(self) -> Fittings:
        """What this toolchain needs around it."""
        return fittings_of(self.toolchain.name)

    def variables(self) -> dict[str, str]:
        """The environment variables this toolchain needs, whole: its own folders stand before the user's."""
        fitted = self.fittings
        path = {"PATH": [self.folder / "bin"]}
        for name, folders in fitted.folders(self.folder, self.site_packages).items():
            path[name] = [*folders, *path.get(name, [])]
        joined = {}
        for name, folders in path.items():
            before = os.environ.get(name, "") if name not in _OURS else ""
            joined[name] = os.pathsep.join([*map(str, folders), *([before] if before else [])])
        return {"PYTHONNOUSERSITE": "1", **fitted.variables(self.folder, self.site_packages), **joined}

    def worker_command(self) -> WorkerCommand:
        """Starts chipassay's own worker here: its packages are on ``PYTHONPATH``, and nothing that lies beside them.

        Backends of other packages are not found there.
        """
        theirs = self.variables()
        path = [str(own_packages()), *([theirs["PYTHONPATH"]] if "PYTHONPATH" in theirs else [])]
        variables = {**theirs, "PYTHONPATH": os.pathsep.join(path)}
        return WorkerCommand((str(self.python), "-P", "-m", "profiler.run.worker"), variables)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        timeout_s: float,
        variables: Mapping[str, str] | None = None,
        log: Path | None = None,
        watch: Callable[[Path], None] = lambda log: None,
    ) -> ToolRun:
        """Run ``argv`` in ``cwd`` with this toolchain's variables and then ``variables``; a bad end is a result.

        ``argv[0]`` is taken as given. The program has a session of its own, and nothing of it outlives this call.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        environment = {**inherited, **self.variables(), **(variables or {})}
        with nullcontext() if self.being_made else in_use(self.folder):
            return run_tool(argv, cwd=cwd, environment=environment, timeout_s=timeout_s, log=log, watch=watch)
