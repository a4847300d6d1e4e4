"""Small graph passes that turn the portable export into the form a toolchain accepts; each with its reason.

A pass changes the form of a graph and never what it computes; the tests run it before and after. Each vendor's path
lists the passes that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from backends.portable.edits import constant, constant_of, drop_unused, ints, like, replace, sizes_of
from backends.portable.refused_forms import convolve_in_two_dimensions, spread_by_comparison

FINITE_MASK = np.float32(-1e4)
"""Far below any score, and within float16."""

WIDEST_MATRIX_BYTES = 2**28
"""Of the float32 weights of one MatMul in :func:`slice_wide_products`."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One pass. ``apply`` changes the model in place and returns how many places it changed."""

    name: str
    reason: str
    seen_with: str
    apply: Callable[[ir.Model], int]


def reduce_axes_to_attribute(model: ir.Model) -> int:
    """Go from opset 18 to 17: make the axes of ReduceMean an attribute."""
    changed = 0
    for node in model.graph:
        if node.op_type == "ReduceMean" and len(node.inputs) > 1:
            node.attributes["axes"] = ir.AttrInt64s("axes", constant(node.inputs[1]).tolist())
            node.resize_inputs(1)
            changed += 1
    model.graph.opset_imports[""] = 17
    drop_unused(model)
    return changed


def divide_in_rms_norm(model: ir.Model) -> int:
    """Turn ``w * (x * (1 / s))`` into ``(x / s) * w``."""
    changed = 0
    for node in list(model.graph):
        if node.op_type != "Mul":
            continue
        scaled = node.inputs[1].producer() if node.inputs[1] is not None else None
        if scaled is None or scaled.op_type != "Mul" or scaled.inputs[1] is None:
            continue
        root = _inverted(scaled.inputs[1].producer())
        if root is None:
            continue
        x, weight = scaled.inputs[0], node.inputs[0]
        divided = ir.node("Div", [x, root], name=f"{scaled.name}_divided", outputs=[
            ir.Value(name=f"{scaled.name}_divided_out", shape=scaled.outputs[0].shape, type=scaled.outputs[0].type)
        ])  # fmt: skip
        model.graph.insert_before(node, divided)
        node.replace_input_with(0, divided.outputs[0])
        node.replace_input_with(1, weight)
        changed += 1
    drop_unused(model)
    return changed


def drop_allowzero(model: ir.Model) -> int:
    """Remove the attribute ``allowzero`` of Reshape, where no dimension is zero and it means nothing."""
    changed = 0
    for node in model.graph:
        if node.op_type == "Reshape" and "allowzero" in node.attributes:
            shape = node.inputs[1]
            if shape is not None and shape.const_value is not None and 0 in shape.const_value.numpy():
                continue
            del node.attributes["allowzero"]
            changed += 1
    return changed


def finite_mask(model: ir.Model) -> int:
    """Make masks add -10,000 instead of the lowest float32 or minus infinity, which float16 cannot hold."""
    changed = 0
    for value in model.graph.initializers.values():
        if value.const_value is None or value.const_value.dtype != ir.DataType.FLOAT:
            continue
        if not any(node.op_type == "Add" for node, _ in value.uses()):
            continue
        array = value.const_value.numpy()
        if (array < FINITE_MASK).any():
            value.const_value = ir.Tensor(np.maximum(array, FINITE_MASK), name=value.name)
            changed += 1
    return changed


def transpose_without_batch(model: ir.Model) -> int:
    """With a batch of one, swap tokens and heads in three dimensions, without the batch's."""
    changed = 0
    for node in list(model.graph):
        if node.op_type != "Transpose" or list(node.attributes["perm"].as_ints()) != [0, 2, 1, 3]:
            continue
        given, out = node.inputs[0], node.outputs[0]
        batch, *sizes = sizes_of(given)
        if batch != 1 or given is None:
            continue
        turned_sizes = [sizes[1], sizes[0], sizes[2]]
        flat = ir.node("Reshape", [given, ints(model, f"{node.name}_sizes", sizes)], name=f"{node.name}_flat",
                       outputs=[like(out, f"{out.name}_flat", sizes)])  # fmt: skip
        turned = ir.node("Transpose", [flat.outputs[0]], {"perm": [1, 0, 2]}, name=node.name,
                         outputs=[like(out, f"{out.name}_turned", turned_sizes)])  # fmt: skip
        shape = ints(model, f"{node.name}_shape", [1, *turned_sizes])
        back = ir.node("Reshape", [turned.outputs[0], shape], name=f"{node.name}_back",
                       outputs=[like(out, f"{out.name}_back", [1, *turned_sizes])])  # fmt: skip
        replace(model, node, [flat, turned, back])
        changed += 1
    return changed


def slice_wide_products(model: ir.Model) -> int:
    """Split a product with more than :data:`WIDEST_MATRIX_BYTES` of float32 weights by columns."""
    changed = 0
    for node in list(model.graph):
        matrix = node.inputs[1] if node.op_type == "MatMul" else None
        if matrix is None or matrix.const_value is None or matrix.const_value.nbytes <= WIDEST_MATRIX_BYTES:
            continue
        array, out = matrix.const_value.numpy(), node.outputs[0]
        parts, products = np.array_split(array, -(-array.nbytes // WIDEST_MATRIX_BYTES), axis=-1), []
        for number, part in enumerate(parts):
            weight = constant_of(model, f"{matrix.name}.{number}", np.ascontiguousarray(part))
            given = like(out, f"{out.name}_{number}", [*sizes_of(out)[:-1], part.shape[-1]])
            products.append(ir.node("MatMul", [node.inputs[0], weight], name=f"{node.name}_{number}", outputs=[given]))
        joined = ir.node("Concat", [one.outputs[0] for one in products], {"axis": -1}, name=f"{node.name}_joined",
                         outputs=[like(out, f"{out.name}_joined", sizes_of(out))])  # fmt: skip
        replace(model, node, [*products, joined])
        changed += 1
    drop_unused(model)
    return changed


def older_ir_version(model: ir.Model) -> int:
    """Write IR version 8, which every onnx since 1.10 reads."""
    changed = int(model.ir_version > 8)
    model.ir_version = min(model.ir_version, 8)
    return changed


REWRITES: dict[str, Rewrite] = {
    rewrite.name: rewrite
    for rewrite in (
        Rewrite(
            "reduce_axes_to_attribute",
            "the converter knows no ReduceMean of opset 18: 'Unsupport opset for ReduceMean'",
            "tpu-mlir 1.30.2",
            reduce_axes_to_attribute,
        ),
        Rewrite(
            "divide_in_rms_norm",
            "RMSNorm in PyTorch's form is compiled as a LayerNorm by nncase (wrong results, no warning), and not fused "
            "by rknn-toolkit2",
            "nncase 2.11.0, rknn-toolkit2 2.5.0",
            divide_in_rms_norm,
        ),
        Rewrite(
            "drop_allowzero",
            "'Not support reshape attribute: allowzero', and the process aborts",
            "nncase 2.11.0",
            drop_allowzero,
        ),
        Rewrite(
            "finite_mask",
            "the lowest float32 becomes minus infinity in float16, and infinity minus infinity is not a number",
            "every float16 path",
            finite_mask,
        ),
        Rewrite(
            "transpose_without_batch",
            "where a prompt is as long as a head is wide, the values' swap of tokens and heads is silently wrong, and "
            "that of the attention's output ends the process ('Assertion Failed' in EGraphRewriteProvider)",
            "nncase 2.11.0",
            transpose_without_batch,
        ),
        Rewrite(
            "slice_wide_products",
            "'Index was outside the bounds of the array' at 311 MB of weights in one product, and none at 207 MB; the "
            "head of a model has more",
            "nncase 2.11.0",
            slice_wide_products,
        ),
        Rewrite(
            "spread_by_comparison",
            "'Not Supported Onnx op: ScatterElements', and the process aborts; a prefill with experts has it",
            "nncase 2.11.0",
            spread_by_comparison,
        ),
        Rewrite(
            "convolve_in_two_dimensions",
            "quantising a convolution over one dimension ends the process ('Attribute dilations has incorrect size'); "
            "Gated DeltaNet has one",
            "nncase 2.11.0",
            convolve_in_two_dimensions,
        ),
        Rewrite(
            "older_ir_version",
            "the tools bring their own onnx, which reads no newer format",
            "tpu-mlir 1.30.2 (onnx 1.14.1), rknn-toolkit2 2.5.0 (onnx up to 1.18)",
            older_ir_version,
        ),
    )
}


def apply_rewrites(model: ir.Model, names: Sequence[str]) -> dict[str, int]:
    """Apply the passes called ``names`` in their order; return how many places each changed."""
    return {name: REWRITES[name].apply(model) for name in names}


def _inverted(node: ir.Node | None) -> ir.Value | None:
    """Return ``x`` if ``node`` computes ``1 / x``, else None."""
    if node is None:
        return None
    if node.op_type == "Reciprocal":
        return node.inputs[0]
    if node.op_type == "Div" and node.inputs[0] is not None and node.inputs[0].const_value is not None:
        one = node.inputs[0].const_value.numpy()
        return node.inputs[1] if (one == 1).all() else None
    return None
