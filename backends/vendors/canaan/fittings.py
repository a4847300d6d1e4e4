"""nncase (Canaan): it runs on .NET, which comes from a package, and spawns its simulator by name."""

from __future__ import annotations

from pathlib import Path

from backends.contract.backend import WorkerProgram
from backends.toolchains.environment import ONE_NODE, Fittings, ToolEnvironment


class Nncase(Fittings):
    """Without ``DOTNET_ROOT``: "Failed to get hostfxr path."; without ``PATH``: "Input/output error" from a run."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        return {"PATH": [site_packages]}

    def variables(self, folder: Path, site_packages: Path) -> dict[str, str]:
        return {
            "DOTNET_ROOT": str(site_packages / "dnv" / "net" / "runtime" / ".net"),
            "DOTNET_ROLL_FORWARD": "LatestMajor",
            "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
            "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
            "NNCASE_PLUGIN_PATH": str(site_packages / "nncase" / "modules"),
        }

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        self.use(environment, [Path(__file__).with_name("check.py"), ONE_NODE], scratch)
        return "compiled one MatMul for k230 and simulated it"


FITTINGS = Nncase()
