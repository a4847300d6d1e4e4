"""ONNX Runtime's products on its CPU execution provider, the weight packed when the session opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profiler.ceilings.candidate import Offer, Shape


def products(arithmetic: str, shape: Shape, threads: int) -> list[Offer]:
    """Return the ways ONNX Runtime multiplies in ``arithmetic``; none for bfloat16, which its CPU provider lacks."""
    if arithmetic == "float32":
        return [("ONNX Runtime MatMul", lambda: _product("MatMul", "float32", "float32", "FLOAT", shape, threads))]
    if arithmetic == "int8":
        return [
            (
                "ONNX Runtime MatMulInteger",
                lambda: _product("MatMulInteger", "uint8", "int8", "INT32", shape, threads),
            )
        ]
    return []


def _product(operator: str, rows: str, weight: str, out: str, shape: Shape, threads: int) -> Callable[[], object]:
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    def values(kind: str, *sizes: int) -> Any:
        random = np.random.default_rng(0)
        if kind == "float32":
            return random.standard_normal(sizes, dtype=np.float32)
        return random.integers(1, 120, sizes).astype(kind)

    left = values(rows, shape.rows, shape.inner)
    graph = helper.make_graph(
        [helper.make_node(operator, ["rows", "weight"], ["out"])],
        "product",
        [helper.make_tensor_value_info("rows", helper.np_dtype_to_tensor_dtype(left.dtype), left.shape)],
        [helper.make_tensor_value_info("out", getattr(TensorProto, out), [shape.rows, shape.columns])],
        [numpy_helper.from_array(values(weight, shape.inner, shape.columns), "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin after a product would take time from the run beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"rows": left})
