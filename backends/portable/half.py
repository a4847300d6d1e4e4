"""A portable graph in float16, as transformers' classes compute in it: norms and softmax keep float32 inside.

Weights, cache, rotary tables and mask become float16; logits go out as float32. The square and mean of RMSNorm and the
softmax are taken in float32, between casts, and RMSNorm's weight is multiplied in float16. A router's choice and the
recurrence of Gated DeltaNet stay float32, and so does its state.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from backends.portable.blocks import EXACT

_FLOAT, _HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16


def to_float16(model: ir.Model) -> int:
    """Change ``model`` in place; return the number of casts. Apply ``finite_mask`` first: masks must fit."""
    graph = model.graph
    exact = _norm_cores(graph) | {node for node in graph if node.op_type == "Softmax" or f"/{EXACT}/" in str(node.name)}
    _convert_constants(graph, exact)
    inputs = [value for value in graph.inputs if any(user not in exact for user, _ in value.uses())]
    for value in (*inputs, *(out for node in graph if node not in exact for out in node.outputs)):
        if value.dtype == _FLOAT:
            value.type = ir.TensorType(_HALF)
    casts = 0
    for node in list(exact):
        for position, value in enumerate(node.inputs):
            if value is not None and value.dtype == _HALF:
                node.replace_input_with(position, _cast(graph, value, _FLOAT, node, before=True))
                casts += 1
        out = node.outputs[0]
        readers = [(user, index) for user, index in out.uses() if user not in exact]
        if readers:
            half = _cast(graph, out, _HALF, node, before=False)
            casts += 1
            for user, index in readers:
                user.replace_input_with(index, half)
    for position, value in enumerate(graph.outputs):
        if value.name == "logits":
            value.name = "logits_float16"
            node = value.producer()
            assert node is not None
            logits = _cast(graph, value, _FLOAT, node, before=False)
            logits.name = "logits"
            graph.outputs[position] = logits
            casts += 1
    return casts


def _norm_cores(graph: ir.Graph) -> set[ir.Node]:
    """Return the nodes of every RMSNorm from the square to ``x / root``, without the weight."""
    found: set[ir.Node] = set()
    for square in graph:
        if square.op_type != "Pow":
            continue
        node = square
        for operator in ("ReduceMean", "Add", "Sqrt", "Div", "Mul"):
            found.add(node)
            node = next(user for user, _ in node.outputs[0].uses() if user.op_type == operator)
        found.add(node)
    return found


def _convert_constants(graph: ir.Graph, exact: set[ir.Node]) -> None:
    """Convert float constants to float16 unless an exact node reads them; keep both if others read them too."""
    for value in list(graph.initializers.values()):
        assert value.const_value is not None
        if value.const_value.dtype != _FLOAT:
            continue
        others = [(user, index) for user, index in value.uses() if user not in exact]
        if not others:
            continue
        array = value.const_value.numpy().astype(np.float16)
        if len(others) == len(list(value.uses())):
            value.const_value = ir.Tensor(array, name=value.name)
            value.type = ir.TensorType(_HALF)
            continue
        name = f"{value.name}_float16"
        copy = ir.Value(
            name=name, shape=value.shape, type=ir.TensorType(_HALF), const_value=ir.Tensor(array, name=name)
        )
        graph.initializers[name] = copy
        for user, index in others:
            user.replace_input_with(index, copy)


def _cast(graph: ir.Graph, value: ir.Value, kind: ir.DataType, node: ir.Node, *, before: bool) -> ir.Value:
    """Return ``value`` as ``kind``, by a cast right before or after ``node``."""
    name = f"{node.name}_{value.name}_to_{kind.name.lower()}"
    out = ir.Value(name=f"{name}_out", shape=value.shape, type=ir.TensorType(kind))
    cast = ir.node("Cast", [value], {"to": ir.AttrInt64("to", int(kind))}, outputs=[out], name=name)
    if before:
        graph.insert_before(node, cast)
    else:
        graph.insert_after(node, cast)
    return out
