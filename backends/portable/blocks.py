"""What the parts of a Qwen decoder share: weights as constants, projections, RMSNorm, SwiGLU, repeated heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from backends.portable.writer import Writer
from backends.qwen.model import ModelSpec

Weights = Callable[[str], np.ndarray]

EXACT = "float32"
"""Scope of nodes that compute in float32 whatever the graph's type is, as transformers does."""


class Blocks:
    """Adds pieces to a graph at the writer's current scope; hidden states are ``[batch, tokens, columns]``."""

    def __init__(self, writer: Writer, spec: ModelSpec, weights: Weights, batch: int, tokens: int) -> None:
        self.writer, self.spec, self.weights = writer, spec, weights
        self.batch, self.tokens = batch, tokens
        self.shapes = spec.tensor_shapes()

    def weight(self, name: str) -> ir.Value:
        """A weight as the checkpoint has it."""
        return self.writer.deferred(name, self.shapes[name], lambda: self.weights(name))

    def norm_weight(self, name: str) -> ir.Value:
        """The factor of a norm; families that store it less one get it whole."""
        offset = np.float32(self.spec.family.norm_offset)
        return self.writer.deferred(name, self.shapes[name], lambda: self.weights(name) + offset)

    def transposed(self, weight: str, name: str) -> ir.Value:
        """A matrix as ``[in, out]``."""
        rows, columns = self.shapes[weight]
        return self.writer.deferred(name, (columns, rows), lambda: np.ascontiguousarray(self.weights(weight).T))

    def product(self, x: ir.Value, matrix: ir.Value, columns: int, leaf: str) -> ir.Value:
        """``x`` times a matrix ``[in, columns]``."""
        return self.writer.op("MatMul", [x, matrix], (self.batch, self.tokens, columns), f"{leaf}/MatMul")

    def project(self, x: ir.Value, weight: str, columns: int) -> ir.Value:
        """``x`` through the linear layer whose weight it is."""
        return self.product(x, self.transposed(weight, weight), columns, weight.rsplit(".", 2)[-2])

    def rms_norm(self, x: ir.Value, factor: ir.Value, shape: Sequence[int]) -> ir.Value:
        """RMSNorm over the last dimension."""
        w, one = self.writer, (*shape[:-1], 1)
        square = w.op("Pow", [x, w.scalar(2.0)], shape)
        mean = w.op("ReduceMean", [square, w.ints(-1)], one, keepdims=1)
        root = w.op("Sqrt", [w.op("Add", [mean, w.scalar(self.spec.rms_norm_eps)], one)], one)
        inverse = w.op("Div", [w.scalar(1.0), root], one)
        scaled = w.op("Mul", [x, inverse], shape)
        return w.op("Mul", [factor, scaled], shape)

    def silu(self, x: ir.Value, shape: Sequence[int]) -> ir.Value:
        """``x * sigmoid(x)``."""
        return self.writer.op("Mul", [x, self.writer.op("Sigmoid", [x], shape)], shape)

    def swiglu(self, x: ir.Value, prefix: str, width: int) -> ir.Value:
        """A block of gate, up and down projection, ``width`` columns inside."""
        inner = (self.batch, self.tokens, width)
        gate = self.project(x, f"{prefix}gate_proj.weight", width)
        up = self.project(x, f"{prefix}up_proj.weight", width)
        gated = self.writer.op("Mul", [self.silu(gate, inner), up], inner)
        return self.project(gated, f"{prefix}down_proj.weight", self.spec.hidden_size)

    def reshape(self, x: ir.Value, *shape: int) -> ir.Value:
        """``x`` in another shape."""
        return self.writer.op("Reshape", [x, self.writer.ints(*shape)], shape)

    def columns(self, x: ir.Value, shape: Sequence[int], first: int, end: int) -> ir.Value:
        """The columns ``first`` to ``end`` of the last dimension of ``x``, whose other sizes are in ``shape``."""
        w, last = self.writer, len(shape) - 1
        return w.op("Slice", [x, w.ints(first), w.ints(end), w.ints(last)], (*shape[:-1], end - first))

    def repeat_heads(self, x: ir.Value, group: int, shape: Sequence[int]) -> ir.Value:
        """Give every one of ``group`` heads in a row the same head of ``x`` (``shape``, heads in dimension 1)."""
        if group == 1:
            return x
        batch, heads, *rest = shape
        w, many = self.writer, (batch, heads, group, *rest)
        x = w.op("Unsqueeze", [x, w.ints(2)], (batch, heads, 1, *rest))
        x = w.op("Expand", [x, w.ints(*many)], many)
        return self.reshape(x, batch, heads * group, *rest)
