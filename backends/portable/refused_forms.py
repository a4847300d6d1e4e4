"""Rewrites of what experts and Gated DeltaNet have, and a compiler refuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from backends.portable.edits import constant, constant_of, drop_unused, ints, like, replace, sizes_of


def spread_by_comparison(model: ir.Model) -> int:
    """Spread weights over experts by comparing each expert's number with the chosen ones, not by ScatterElements."""
    changed = 0
    for node in list(model.graph):
        if node.op_type != "ScatterElements":
            continue
        chosen, weights, out = node.inputs[1], node.inputs[2], node.outputs[0]
        assert chosen is not None and weights is not None
        rows, some = sizes_of(chosen)
        count = sizes_of(out)[-1]
        hits = [rows, some, count]
        steps: list[ir.Node] = []

        def add(operator: str, inputs: Sequence[ir.Value], sizes: Sequence[int], kind: ir.DataType, **attributes: int
                ) -> ir.Value:  # fmt: skip
            name = f"{node.name}_{len(steps)}"  # noqa: B023 - used within this round
            value = ir.Value(name=f"{name}_out", shape=ir.Shape(sizes), type=ir.TensorType(kind))
            steps.append(ir.node(operator, inputs, attributes, outputs=[value], name=name))  # noqa: B023
            return value

        each = add("Unsqueeze", [chosen, ints(model, f"{node.name}_last", [-1])], [rows, some, 1], ir.DataType.INT64)
        numbers = constant_of(model, f"{node.name}_numbers", np.arange(count, dtype=np.int64)[None, None])
        equal = add("Equal", [each, numbers], hits, ir.DataType.BOOL)
        hit = add("Cast", [equal], hits, out.dtype or ir.DataType.FLOAT, to=int(out.dtype or ir.DataType.FLOAT))
        sizes = ints(model, f"{node.name}_weights", [rows, 1, some])
        row = add("Reshape", [weights, sizes], [rows, 1, some], hit.dtype)
        spread = add("MatMul", [row, hit], [rows, 1, count], hit.dtype)
        add("Reshape", [spread, ints(model, f"{node.name}_spread", [rows, count])], [rows, count], hit.dtype)
        replace(model, node, steps)
        changed += 1
    drop_unused(model)
    return changed


def convolve_in_two_dimensions(model: ir.Model) -> int:
    """Make a convolution over one dimension one over two, the first of size 1."""
    changed = 0
    for node in list(model.graph):
        if node.op_type != "Conv" or len(sizes_of(node.inputs[0])) != 3:
            continue
        given, weight, out = node.inputs[0], node.inputs[1], node.outputs[0]
        assert given is not None and weight is not None
        (batch, channels, length), sizes = sizes_of(given), sizes_of(out)
        before, after = node.attributes["pads"].as_ints()
        taps = sizes_of(weight)[-1]
        matrix = constant_of(model, f"{weight.name}.two_dimensions", constant(weight)[:, :, None])
        flat = [batch, channels, 1, length]
        opened = ir.node("Reshape", [given, ints(model, f"{node.name}_open", flat)], name=f"{node.name}_open",
                         outputs=[like(out, f"{out.name}_open", flat)])  # fmt: skip
        attributes = {
            "group": node.attributes["group"].as_int(),
            "kernel_shape": [1, taps],
            "pads": [0, before, 0, after],
        }
        wide = [sizes[0], sizes[1], 1, sizes[2]]
        convolved = ir.node("Conv", [opened.outputs[0], matrix], attributes, name=node.name,
                            outputs=[like(out, f"{out.name}_wide", wide)])  # fmt: skip
        closed = ir.node("Reshape", [convolved.outputs[0], ints(model, f"{node.name}_sizes", sizes)],
                         name=f"{node.name}_close", outputs=[like(out, f"{out.name}_close", sizes)])  # fmt: skip
        replace(model, node, [opened, convolved, closed])
        changed += 1
    drop_unused(model)
    return changed
