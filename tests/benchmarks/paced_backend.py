"""A backend with a known loss: ``torch-cpu`` that sleeps after every step, so that it runs at ``PACE`` times its speed.

Not part of the product. :func:`install` makes it a distribution of its own, as a third party's plug-in would be.
"""

import os
import time
from pathlib import Path

from backends.torch_cpu.backend import TorchCpu

NAME = "paced-cpu"


class Paced(TorchCpu):
    """Computes what ``torch-cpu`` computes, slower by a known factor."""

    name = NAME
    summary = "torch-cpu slowed down by a known factor"

    def _logits(self, step):
        began = time.perf_counter()
        logits = super()._logits(step)
        time.sleep((time.perf_counter() - began) * (1 / float(os.environ.get("PACE", "1")) - 1))
        return logits


def install(folder: Path) -> dict[str, str]:
    """Put the plug-in's metadata into ``folder``; the environment in which ``chipassay`` finds it."""
    info = folder / "chipassay_paced-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chipassay-paced\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[chipassay.backends]\n{NAME} = {__name__}:Paced\n")
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{root}"}
