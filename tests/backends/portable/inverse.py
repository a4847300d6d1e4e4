"""The inverse of a chunk's triangular system, alone, on ONNX Runtime."""

import numpy as np
import onnx_ir as ir
import onnxruntime

from backends.portable.blocks import Blocks
from backends.portable.deltanet import DeltaNetWriter
from backends.portable.writer import Writer
from tests.backends.qwen.families import TINY


def inverse_on_onnx(system: np.ndarray) -> np.ndarray:
    """Of ``I`` plus ``system``, float32 ``[size, size]``."""
    spec, writer = TINY["qwen3_5"], Writer("inverse")
    square = (1, 1, 1, *system.shape)
    given = writer.input("system", square)
    delta = DeltaNetWriter(Blocks(writer, spec, lambda name: np.empty(0), 1, system.shape[0]), spec.delta)
    writer.output(delta._inverse(given, square), "inverse")
    model = ir.to_proto(writer.model()).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"system": system[None, None, None]})[0][0, 0, 0]
