"""Runs in rknn-toolkit2's environment: compiles the graph given for rk3588, simulates it, compares with NumPy."""

import sys

import numpy as np
from rknn.api import RKNN

rknn = RKNN()
for step, status in (
    ("config", lambda: rknn.config(target_platform="rk3588")),
    ("load_onnx", lambda: rknn.load_onnx(model=sys.argv[1])),
    ("build", lambda: rknn.build(do_quantization=False)),
    ("export_rknn", lambda: rknn.export_rknn("one.rknn")),
    ("init_runtime", lambda: rknn.init_runtime(target=None)),
):
    if status() not in (0, None):
        sys.exit(f"error: {step} failed")

given = np.linspace(-1, 1, 4 * 32, dtype=np.float32).reshape(1, 4, 32)
found = rknn.inference(inputs=[given])[0]
rknn.release()
weight = (np.arange(32 * 32).reshape(32, 32) % 7 - 3).astype(np.float32) / 8
worst = float(np.abs(found.reshape(1, 4, 32) - given @ weight).max())
if worst > 1e-2:
    sys.exit(f"error: the simulated product differs by {worst:.3g}")
