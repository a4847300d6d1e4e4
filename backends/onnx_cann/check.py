"""Runs in onnxruntime-cann's environment: the graph given on the provider there is, and imports of the modules named.

The last line of its output is where the node ran: without CANN that is the CPU, however the session was asked.
"""

import importlib
import sys

import numpy as np
import onnxruntime

for name in sys.argv[2:]:
    importlib.import_module(name)
if "CANNExecutionProvider" not in onnxruntime.get_available_providers():
    sys.exit("error: this build of ONNX Runtime has no CANNExecutionProvider")
onnxruntime.set_default_logger_severity(4)
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CANNExecutionProvider", "CPUExecutionProvider"])
given = np.linspace(-1, 1, 4 * 32, dtype=np.float32).reshape(1, 4, 32)
found = session.run(None, {"x": given})[0]
weight = (np.arange(32 * 32).reshape(32, 32) % 7 - 3).astype(np.float32) / 8
worst = float(np.abs(found - given @ weight).max())
if worst > 1e-2:
    sys.exit(f"error: the product differs by {worst:.3g}")
print("Ascend NPU" if session.get_providers()[0] == "CANNExecutionProvider" else "CPU: there is no CANN here")
