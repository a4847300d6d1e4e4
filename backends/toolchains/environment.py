"""A finished environment of a toolchain: what a vendor fits around its packages, and running programs in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from backends.common.errors import UnavailableError
from backends.contract.backend import Availability, WorkerCommand, WorkerProgram
from backends.toolchains.catalogue import Toolchain
from backends.toolchains.own_packages import own_packages
from backends.toolchains.running import ToolRun, run_tool
from backends.toolchains.state import folder_of, in_use, look

CHECK_TIMEOUT_S = 120.0
ONE_NODE = Path(__file__).with_name("one_node.onnx")
"""A graph of one MatMul: what a first use compiles."""

_OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONSAFEPATH", "VIRTUAL_ENV", "CONDA_PREFIX",
         "__PYVENV_LAUNCHER__")  # fmt: skip
"""Variables of the user's own Python that would reach into the vendor's."""


@dataclass(frozen=True)
class ToolEnvironment:
    """The environment of one toolchain: ``folder`` is a virtual environment."""

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
        folders = sorted((self.folder / "lib").glob("python3.*/site-packages"))
        return folders[0] if folders else self.folder / "lib" / "site-packages"

    def packages(self) -> dict[str, str]:
        """Return name and version of every package in it, sorted by name."""
        installed = {one.metadata["Name"]: one.version for one in distributions(path=[str(self.site_packages)])}
        return dict(sorted(installed.items(), key=lambda item: item[0].lower()))

    @cached_property
    def fittings(self) -> Fittings:
        """What this toolchain needs around its packages."""
        return fittings_of(self.toolchain)

    def variables(self) -> dict[str, str]:
        """Return all environment variables this toolchain needs; its own folders come before the user's."""
        path = {"PATH": [self.folder / "bin"]}
        for name, folders in self.fittings.folders(self.folder, self.site_packages).items():
            path[name] = [*folders, *path.get(name, [])]
        joined = {}
        for name, folders in path.items():
            before = os.environ.get(name, "") if name not in _OURS else ""
            joined[name] = os.pathsep.join([*map(str, folders), *([before] if before else [])])
        return {"PYTHONNOUSERSITE": "1", **self.fittings.variables(self.folder, self.site_packages), **joined}

    def worker_command(self, worker: WorkerProgram) -> WorkerCommand:
        """Return the command that starts ``worker`` here, with its packages and nothing beside them on the path.

        Backends of other distributions are not found there.
        """
        variables = self.variables()
        path = [str(own_packages(worker.packages)), *filter(None, [variables.get("PYTHONPATH")])]
        variables["PYTHONPATH"] = os.pathsep.join(path)
        return WorkerCommand((str(self.python), "-P", "-m", worker.module), variables)

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
        """Run ``argv`` in ``cwd`` with this toolchain's variables, then ``variables``; a bad end is a result.

        ``argv[0]`` is taken as given. The program gets its own session, and nothing of it outlives this call.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        environment = {**inherited, **self.variables(), **(variables or {})}
        with nullcontext() if self.being_made else in_use(self.folder):
            return run_tool(argv, cwd=cwd, environment=environment, timeout_s=timeout_s, log=log, watch=watch)


class Fittings:
    """What a toolchain needs around its packages: by default nothing but an import that shows it works.

    A vendor's folder has a module ``fittings`` whose ``FITTINGS`` is an instance of a subclass.
    """

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        """Return folders to put first in variables that hold a list of them, such as ``PATH``."""
        return {}

    def variables(self, folder: Path, site_packages: Path) -> dict[str, str]:
        """Return other environment variables."""
        return {}

    def mend(self, environment: ToolEnvironment) -> tuple[str, ...]:
        """Repair once what the vendor's packages get wrong on this machine; return what was done."""
        return ()

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        """Use the toolchain for real in ``scratch``; return in a few words what it did.

        ``worker`` is what a measurement would run in the environment, if the toolchain's targets run there at all.

        Raises:
            UnavailableError: It does not work here.
        """
        modules = environment.toolchain.imports
        program = "".join(f"import {name}\n" for name in modules)
        self.use(environment, ["-c", program], scratch)
        return f"imported {', '.join(modules)}" if modules else "its Python runs"

    def use(
        self,
        environment: ToolEnvironment,
        arguments: Sequence[str | Path],
        scratch: Path,
        variables: Mapping[str, str] | None = None,
    ) -> ToolRun:
        """Run the environment's Python with ``arguments``.

        Raises:
            UnavailableError: It did not end well.
        """
        command = [environment.python, *arguments]
        run = environment.run(command, cwd=scratch, timeout_s=CHECK_TIMEOUT_S, variables=variables)
        if not run.succeeded:
            raise UnavailableError(run.summary())
        return run


def fittings_of(tool: Toolchain) -> Fittings:
    """Return the fittings in the folder of ``tool``; those that need nothing where it has none."""
    module = f"{tool.package}.fittings"
    if not tool.package or find_spec(module) is None:
        return Fittings()
    fittings: Fittings = import_module(module).FITTINGS
    return fittings


def availability_of(tool: Toolchain) -> Availability:
    """Return whether ``tool`` can be used here; starts nothing."""
    if unsupported := tool.unsupported_here():
        return Availability(False, unsupported, f"use a machine with {tool.system} on {tool.machine}")
    state = look(tool)
    if state.usable:
        return Availability(True)
    return Availability(False, f"the toolchain {tool.name} is {state.summary()}", tool.how_to_install())


def environment_of(tool: Toolchain) -> ToolEnvironment:
    """Return the environment of ``tool``.

    Raises:
        UnavailableError: It is not installed, broken or interrupted.
    """
    here = availability_of(tool)
    if not here.available:
        raise UnavailableError(f"{here.reason}; {here.remedy}")
    return ToolEnvironment(tool, folder_of(tool))
