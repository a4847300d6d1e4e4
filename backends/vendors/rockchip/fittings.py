"""rknn-toolkit2 (Rockchip): PyTorch is a stand-in, which it needs for its quantiser's training only."""

from __future__ import annotations

from pathlib import Path

from backends.contract.backend import WorkerProgram
from backends.toolchains.environment import ONE_NODE, Fittings, ToolEnvironment


class Rknn(Fittings):
    """The real PyTorch would add 0.9 GB and changes neither the compiled model nor its simulation."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        return {"PYTHONPATH": [Path(__file__).with_name("stand_ins")]}

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        self.use(environment, [Path(__file__).with_name("check.py"), ONE_NODE], scratch)
        return "compiled one MatMul for rk3588 and simulated it"


FITTINGS = Rknn()
