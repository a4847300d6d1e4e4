"""Runs in nncase's environment: compiles the graph given for k230, simulates it, compares with NumPy."""

import sys
from pathlib import Path

import nncase
import numpy as np

options = nncase.CompileOptions()
options.target = "k230"
compiler = nncase.Compiler(options)
compiler.import_onnx(Path(sys.argv[1]).read_bytes(), nncase.ImportOptions())
compiler.compile()

given = np.linspace(-1, 1, 4 * 32, dtype=np.float32).reshape(1, 4, 32)
simulator = nncase.Simulator()
simulator.load_model(compiler.gencode_tobytes())
simulator.set_input_tensor(0, nncase.RuntimeTensor.from_numpy(given))
simulator.run()
found = simulator.get_output_tensor(0).to_numpy()

weight = (np.arange(32 * 32).reshape(32, 32) % 7 - 3).astype(np.float32) / 8
worst = float(np.abs(found - given @ weight).max())
if worst > 1e-3:
    sys.exit(f"the simulated product differs by {worst:.3g}")
