"""FLOPs and bytes of the nodes of an ONNX graph with static shapes, and of a whole model from its dimensions alone.

FLOPs: two per multiply-add of a matrix product; Softmax five per element (the largest, subtract, exponential, sum,
divide); a reduction one per element it reads; other arithmetic one per element it gives out, however a chip computes
it; moving, choosing and reshaping none. Bytes: what a node reads and writes when it runs alone, each tensor once:
weights, inputs and outputs. Gather and Slice read no more of their data than they give out. A compiler that fuses nodes
moves less; these figures rank operators of one model, they are no compiler's traffic.

Attention of a static prefill computes the whole square of scores, S x S a head, and so it is counted; the causal count
of :meth:`~backends.qwen.model.ModelSpec.prefill_flops` has S (S + 1) / 2 of them. A static prefill with experts
computes all of them for every token (:mod:`backends.portable.experts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from backends.common.errors import InputError
from backends.qwen.layers import Layer
from backends.qwen.model import BITS_PER_WEIGHT, QUANTISATION_BLOCK, Model, ModelSpec

if TYPE_CHECKING:
    import onnx_ir as ir

FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
"""ONNX's names of the types that take the bytes of the chosen precision."""

SOFTMAX_FLOPS = 5
"""Per element: compare, subtract, exponential, add, divide."""

MOVEMENT = frozenset((
    "Cast", "Concat", "Constant", "ConstantOfShape", "Expand", "Flatten", "Gather", "GatherElements", "GatherND",
    "Identity", "Pad", "Range", "Reshape", "ScatterElements", "ScatterND", "Shape", "Slice", "Split", "Squeeze",
    "Tile", "Transpose", "Trilu", "Unsqueeze", "Where",
))  # fmt: skip
"""Operators that compute nothing."""

ELEMENTWISE = frozenset((
    "Abs", "Add", "And", "Ceil", "Clip", "Cos", "Div", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater",
    "GreaterOrEqual", "HardSigmoid", "HardSwish", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min", "Mod",
    "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt",
    "Sub", "Sum", "Tan", "Tanh",
))  # fmt: skip
"""Operators with one operation per element they give out."""

REDUCTIONS = frozenset((
    "ArgMax", "ArgMin", "CumSum", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "TopK",
))  # fmt: skip
"""Operators with one operation per element they read."""

PARTIAL_READERS = frozenset(("Gather", "GatherElements", "GatherND", "Slice"))
"""Operators that read of their first input only what they give out."""


@dataclass(frozen=True, slots=True)
class NodeCost:
    """One node executed once; ``copies`` is how often the model has it."""

    name: str
    operator: str
    flops: float
    bytes_moved: float
    copies: int = 1


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """All nodes of one operator in one prefill or one decode step."""

    operator: str
    count: int
    flops: float
    bytes_moved: float


def count_graph(model: ir.Model, bytes_per_element: float, matrix_bytes: float | None = None) -> list[NodeCost]:
    """Return the cost of every node, in the order of the graph.

    Floating-point elements count ``bytes_per_element`` whatever type the file has; elements of constant matrices that
    MatMul or Gemm multiply with count ``matrix_bytes``, where weights are stored otherwise. Integers and booleans keep
    their own size.

    Raises:
        InputError: If a shape is not static, or an operator has no rule here.
    """
    matrix = bytes_per_element if matrix_bytes is None else matrix_bytes
    return [_node(node, bytes_per_element, matrix) for node in model.graph]


def count_model(
    spec: ModelSpec,
    prompt_tokens: int,
    context_tokens: int,
    phase: Literal["prefill", "decode"],
    precision: str,
    batch: int = 1,
) -> list[NodeCost]:
    """Return the nodes of the whole portable graph of ``spec``, each once with its ``copies``; needs no weights.

    A prefill takes ``prompt_tokens`` and gives the logits of the last; a decode step attends to ``context_tokens``, its
    own among them. Names are those of the first layer of each kind, and of the model without any (embedding and head).

    Raises:
        UnavailableError: The portable graph cannot express the architecture.
    """
    from backends.portable.export import Form, build_graph  # brings onnx_ir, an engine's weight

    elements, matrix = element_bytes(precision)
    size = (prompt_tokens, 0) if phase == "prefill" else (1, context_tokens - 1)
    ends = Model(replace(spec, layers=0), digest="")
    around = count_graph(build_graph(ends, Form(phase, "whole", *size, batch)), elements, matrix)
    repeated = []
    for number, copies in layer_kinds(spec):
        form = Form(phase, "layer", *size, batch, layer=number)
        layer = count_graph(build_graph(Model(spec, digest=""), form), elements, matrix)
        repeated += [replace(cost, copies=copies) for cost in layer]
    first = [cost for cost in around if cost.operator == "Gather"]
    return first + repeated + [cost for cost in around if cost.operator != "Gather"]


def layer_kinds(spec: ModelSpec) -> list[tuple[int, int]]:
    """Return the first layer of each kind, and how many are of it."""
    kinds: dict[Layer, list[int]] = {}
    for number, layer in enumerate(spec.all_layers()):
        kinds.setdefault(layer, []).append(number)
    return [(numbers[0], len(numbers)) for numbers in kinds.values()]


def element_bytes(precision: str) -> tuple[float, float]:
    """Return the bytes of one activation and of one weight of a matrix.

    With quantised weights activations are 16 bits wide, as in vendors' W8F16 and W4F16, and a weight has its part of
    the float32 scale of its block.
    """
    weight = BITS_PER_WEIGHT[precision] / 8
    if precision in ("int8", "int4"):
        return 2.0, weight + 4 / QUANTISATION_BLOCK
    return weight, weight


def sum_by_operator(costs: Iterable[NodeCost]) -> tuple[OperatorCost, ...]:
    """Return whole-model sums, the most FLOPs first, then the most bytes."""
    sums: dict[str, OperatorCost] = {}
    for cost in costs:
        before = sums.get(cost.operator, OperatorCost(cost.operator, 0, 0.0, 0.0))
        sums[cost.operator] = OperatorCost(
            cost.operator,
            before.count + cost.copies,
            before.flops + cost.copies * cost.flops,
            before.bytes_moved + cost.copies * cost.bytes_moved,
        )
    return tuple(sorted(sums.values(), key=lambda cost: (-cost.flops, -cost.bytes_moved, cost.operator)))


def _node(node: ir.Node, bytes_per_element: float, matrix_bytes: float) -> NodeCost:
    flops = _RULES.get((node.domain, node.op_type))
    if flops is None:
        raise InputError(
            f"cannot count the operator {_qualified(node)} (node {node.name}): backends/operators/count.py has no rule "
            "for it; add one"
        )
    written = sum(
        _elements(out, node) * _width(out, matrix_bytes if _is_matrix(out) else bytes_per_element)
        for out in node.outputs
    )
    read, seen = 0.0, set()
    for position, value in enumerate(node.inputs):
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        if position == 0 and node.op_type in PARTIAL_READERS:
            read += written
            continue
        multiplied = node.op_type in ("MatMul", "Gemm") and _is_matrix(value)
        read += _elements(value, node) * _width(value, matrix_bytes if multiplied else bytes_per_element)
    return NodeCost(node.name or "", node.op_type, float(flops(node)), read + written)


def _is_matrix(value: ir.Value) -> bool:
    """Whether it is the weight of a projection, or the weights of experts that were gathered to multiply with."""
    if value.const_value is not None:
        return len(value.shape or ()) >= 2
    node = value.producer()
    table = node.inputs[0] if node is not None and node.op_type == "Gather" else None
    return table is not None and table.const_value is not None and len(table.shape or ()) == 3


def _product(node: ir.Node) -> int:
    """2 x rows x columns x depth, over all batches; Gemm adds its third input."""
    left = _shape(node.inputs[0], node)
    depth = left[-2] if _transposed(node, "transA") else left[-1]
    out = _elements(node.outputs[0], node)
    bias = out if node.op_type == "Gemm" and len(node.inputs) > 2 else 0
    return 2 * depth * out + bias


def _convolution(node: ir.Node) -> int:
    """2 x elements of a kernel's channel, for every output."""
    return 2 * prod(_shape(node.inputs[1], node)[1:]) * _elements(node.outputs[0], node)


def _transposed(node: ir.Node, attribute: str) -> bool:
    return attribute in node.attributes and bool(node.attributes[attribute].as_int())


def _outputs(node: ir.Node) -> int:
    return _elements(node.outputs[0], node)


def _inputs(node: ir.Node) -> int:
    return _elements(node.inputs[0], node)


def _softmax(node: ir.Node) -> int:
    return SOFTMAX_FLOPS * _elements(node.outputs[0], node)


_RULES: dict[tuple[str, str], Callable[[ir.Node], int]] = {
    **{("", name): _product for name in ("MatMul", "Gemm")},
    ("", "Conv"): _convolution,
    **{("", name): _outputs for name in ELEMENTWISE},
    **{("", name): _inputs for name in REDUCTIONS},
    **{("", name): _softmax for name in ("Softmax", "LogSoftmax")},
    **{("", name): lambda _: 0 for name in MOVEMENT},
}


def _elements(value: ir.Value, node: ir.Node) -> int:
    return prod(_shape(value, node))


def _shape(value: ir.Value | None, node: ir.Node) -> list[int]:
    shape: Any = None if value is None else value.shape
    if shape is None or not all(isinstance(size, int) for size in shape):
        which = value.name if value else "an input"
        raise InputError(
            f"cannot count the node {node.name} ({_qualified(node)}): the shape of {which} is not static; fix its sizes"
        )
    return list(shape)


def _width(value: ir.Value, bytes_per_element: float) -> float:
    if value.dtype is None or value.dtype.name in FLOATS:
        return bytes_per_element
    return float(value.dtype.itemsize)


def _qualified(node: ir.Node) -> str:
    return f"{node.domain}::{node.op_type}" if node.domain else str(node.op_type)
