"""rknn-toolkit2 (Rockchip): PyTorch is a stand-in, which it needs for its quantiser's training only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.toolchains.fittings.contract import ONE_NODE, Fittings

if TYPE_CHECKING:
    from backends.toolchains.environment import ToolEnvironment


class Rknn(Fittings):
    """The real PyTorch would add 0.9 GB and changes neither the compiled model nor its simulation."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        return {"PYTHONPATH": [Path(__file__).with_name("stand_ins")]}

    def check(self, environment: ToolEnvironment, scratch: Path) -> str:
        self.use(environment, [Path(__file__).with_name("check.py"), ONE_NODE], scratch)
        return "compiled one MatMul for rk3588 and simulated it"
