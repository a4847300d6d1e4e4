"""msopmodeling (Huawei): a pure Python model of operator latency; only its program has to be known."""

from __future__ import annotations

import json
from pathlib import Path

from backends.common.errors import UnavailableError
from backends.contract.backend import WorkerProgram
from backends.toolchains.environment import Fittings, ToolEnvironment

CHIP = "910B4"
MATMUL = {
    "op_name": "MatMul",
    "input_shapes": [[128, 1024], [1024, 1024]],
    "output_shapes": [[128, 1024]],
    "input_precision": ["FLOAT16", "FLOAT16"],
    "output_precision": ["FLOAT16"],
    "aic_core_num": 20,
    "backend_type": "theo",
}


class Msopmodeling(Fittings):
    """Its exit status is 0 although an operator failed: the result is what must be read."""

    def check(self, environment: ToolEnvironment, scratch: Path, worker: WorkerProgram) -> str:
        (scratch / "in.json").write_text(json.dumps([MATMUL]))
        program = environment.folder / "bin" / "msopmodeling"
        done = self.use(environment, [program, "-i", "in.json", "-s", CHIP, "-o", "out.json"], scratch)
        try:
            latency_us = float(json.loads((scratch / "out.json").read_text())["OP_0"]["latency"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UnavailableError(f"it modelled no latency of one MatMul: {done.summary()}") from None
        if not latency_us > 0:
            raise UnavailableError(f"it modelled a latency of {latency_us} us for one MatMul")
        return f"modelled one MatMul on {CHIP}: {latency_us:.3g} us"


FITTINGS = Msopmodeling()
