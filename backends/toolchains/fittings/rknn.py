"""rknn-toolkit2 (Rockchip): PyTorch is a stand-in, which it needs for its quantiser's training only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.toolchains.fittings.contract import CHECKS, STAND_INS, Fittings

if TYPE_CHECKING:
    from backends.toolchains.environment import ToolEnvironment


class Rknn(Fittings):
    """The real PyTorch would add 0.9 GB and changes neither the compiled model nor its simulation."""

    def folders(self, folder: Path, site_packages: Path) -> dict[str, list[Path]]:
        return {"PYTHONPATH": [STAND_INS / "rknn_toolkit2"]}

    def check(self, environment: ToolEnvironment, scratch: Path) -> str:
        self.use(environment, [CHECKS / "rknn_check.py", CHECKS / "one_node.onnx"], scratch)
        return "compiled one MatMul for rk3588 and simulated it"
