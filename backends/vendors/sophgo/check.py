"""Runs in tpu-mlir's environment: compares the simulated product of the one-node graph with NumPy."""

import sys

import numpy as np

if sys.argv[1] == "input":
    np.savez(sys.argv[2], x=np.linspace(-1, 1, 4 * 32, dtype=np.float32).reshape(1, 4, 32))
    sys.exit()
with np.load(sys.argv[2]) as inputs, np.load(sys.argv[3]) as outputs:
    given, found = inputs["x"], outputs[outputs.files[-1]]
weight = (np.arange(32 * 32).reshape(32, 32) % 7 - 3).astype(np.float32) / 8
worst = float(np.abs(found.reshape(1, 4, 32) - given @ weight).max())
if worst > 1e-2:
    sys.exit(f"error: the simulated product differs by {worst:.3g}")
