"""A toolchain's environment whose Python is this one: driver scripts of the tests' own stand in for the vendor's."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from backends.toolchains.running import run_tool


@dataclass
class StandIn:
    """As much of a ToolEnvironment as a driver needs."""

    name: str
    python: Path = Path(sys.executable)

    @property
    def toolchain(self):
        return SimpleNamespace(name=self.name, version="0")

    def run(self, argv, *, cwd, timeout_s, variables=None, log=None, watch=lambda log: None):
        import os

        environment = {**os.environ, **(variables or {})}
        return run_tool(argv, cwd=cwd, environment=environment, timeout_s=timeout_s, log=log, watch=watch)
