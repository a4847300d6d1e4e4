"""What a toolchain may need around its packages; the default is nothing but an import to see that it works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.common.errors import UnavailableError

if TYPE_CHECKING:
    from backends.toolchains.environment import ToolEnvironment
    from backends.toolchains.running import ToolRun

CHECK_TIMEOUT_S = 120.0
ONE_NODE = Path(__file__).resolve().parents[1] / "one_node.onnx"


class Fittings:
    """Of a toolchain that needs nothing; others override what they need."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        """Folders to be put first in variables that hold a list of them, such as ``PATH``."""
        return {}

    def variables(self, folder: Path, site_packages: Path) -> dict[str, str]:
        """Other environment variables."""
        return {}

    def mend(self, environment: ToolEnvironment) -> tuple[str, ...]:
        """Repair what the vendor's packages get wrong on this machine, once; says what was done."""
        return ()

    def check(self, environment: ToolEnvironment, scratch: Path) -> str:
        """Use the toolchain for real, in ``scratch``; says in a few words what it did.

        Raises:
            UnavailableError: It does not work here.
        """
        modules = environment.toolchain.imports
        program = "".join(f"import {name}\n" for name in modules)
        self.use(environment, ["-c", program], scratch)
        return f"imported {', '.join(modules)}" if modules else "its Python runs"

    def use(self, environment: ToolEnvironment, arguments: list[str | Path], scratch: Path) -> ToolRun:
        """Run the environment's Python with ``arguments``; it must end well."""
        done = environment.run([environment.python, *arguments], cwd=scratch, timeout_s=CHECK_TIMEOUT_S)
        return self.succeeded(done)

    @staticmethod
    def succeeded(done: ToolRun) -> ToolRun:
        """A run that ended well; any other is raised."""
        if not done.succeeded:
            raise UnavailableError(done.told())
        return done
