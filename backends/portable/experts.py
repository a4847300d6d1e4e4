"""A router and its experts in standard ONNX operators, of which none runs a part of its weights by a tensor's value.

Two forms compute the same. **Chosen**: the matrices of each token's experts are gathered and multiplied, one batched
product. That copies ``tokens * per_token`` experts: right for a decode step. **All**: every expert computes every token
as one block ``count * width`` wide, and the routing weights, zero for experts not chosen, are multiplied into its
inside. That reads each expert once and takes ``count / per_token`` times the operations: all that static shapes leave a
prompt, whose tokens choose differently. The form that touches fewer matrices is written.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from backends.portable.blocks import EXACT, Blocks
from backends.qwen.channels import Experts


class ExpertsWriter:
    """Adds one layer's experts."""

    def __init__(self, blocks: Blocks, experts: Experts) -> None:
        self._blocks, self._writer, self._experts = blocks, blocks.writer, experts
        self._rows = blocks.batch * blocks.tokens

    def write(self, at: tuple[str, ...], prefix: str, normed: ir.Value) -> ir.Value:
        """The sum of the chosen experts, weighted, and of the shared one."""
        w, b, experts = self._writer, self._blocks, self._experts
        wide = (b.batch, b.tokens, b.spec.hidden_size)
        chosen, weights = self._route(at, prefix, normed)
        w.scope(*at, "experts")
        gather = self._rows * experts.per_token <= experts.count
        out = (self._chosen if gather else self._all)(f"{prefix}experts.", normed, chosen, weights)
        if not experts.shared_width:
            return out
        w.scope(*at, "shared_expert")
        shared = b.swiglu(normed, f"{prefix}shared_expert.", experts.shared_width)
        one = (b.batch, b.tokens, 1)
        gate = w.op("Sigmoid", [b.project(normed, f"{prefix}shared_expert_gate.weight", 1)], one)
        return w.op("Add", [out, w.op("Mul", [gate, shared], wide)], wide)

    def _route(self, at: tuple[str, ...], prefix: str, normed: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The experts of each token, int64 ``[rows, per_token]``, and their weights."""
        w, b, experts = self._writer, self._blocks, self._experts
        w.scope(*at, "gate")
        logits = b.reshape(b.project(normed, f"{prefix}gate.weight", experts.count), self._rows, experts.count)
        w.scope(*at, "gate", EXACT)
        shares = w.op("Softmax", [logits], (self._rows, experts.count), axis=-1)
        some = (self._rows, experts.per_token)
        weights, chosen = w.top_k(shares, experts.per_token, some)
        if b.spec.renormalised_routing:
            total = w.op("ReduceSum", [weights, w.ints(-1)], (self._rows, 1), keepdims=1)
            weights = w.op("Div", [weights, total], some)
        return chosen, weights

    def _chosen(self, prefix: str, normed: ir.Value, chosen: ir.Value, weights: ir.Value) -> ir.Value:
        w, b, experts = self._writer, self._blocks, self._experts
        hidden, width, each = b.spec.hidden_size, experts.width, self._rows * experts.per_token
        which = w.op("Reshape", [chosen, w.ints(each)], (each,), dtype=ir.DataType.INT64)
        tokens = b.repeat_heads(b.reshape(normed, 1, self._rows, hidden), experts.per_token, (1, self._rows, hidden))
        tokens = b.reshape(tokens, each, 1, hidden)
        gate_up = self._gathered(f"{prefix}gate_up_proj", which, (hidden, 2 * width))
        both = (each, 1, 2 * width)
        joined = w.op("MatMul", [tokens, gate_up], both, "gate_up_proj/MatMul")
        gate, up = b.columns(joined, both, 0, width), b.columns(joined, both, width, 2 * width)
        inner = (each, 1, width)
        gated = w.op("Mul", [b.silu(gate, inner), up], inner)
        down = self._gathered(f"{prefix}down_proj", which, (width, hidden))
        out = w.op("MatMul", [gated, down], (each, 1, hidden), "down_proj/MatMul")
        out = b.reshape(out, self._rows, experts.per_token, hidden)
        shares = b.reshape(weights, self._rows, 1, experts.per_token)
        out = w.op("MatMul", [shares, out], (self._rows, 1, hidden), "weighted/MatMul")
        return b.reshape(out, b.batch, b.tokens, hidden)

    def _gathered(self, name: str, which: ir.Value, shape: tuple[int, int]) -> ir.Value:
        """Matrices ``[in, out]`` of the chosen experts."""
        w, read = self._writer, self._blocks.weights
        table = w.deferred(name, (self._experts.count, *shape),
                           lambda: np.ascontiguousarray(read(name).transpose(0, 2, 1)))  # fmt: skip
        leaf = name.rsplit(".", 1)[-1]
        return w.op("Gather", [table, which], (which.shape[0], *shape), f"{leaf}/Gather", axis=0)  # type: ignore[index]

    def _all(self, prefix: str, normed: ir.Value, chosen: ir.Value, weights: ir.Value) -> ir.Value:
        w, b, experts = self._writer, self._blocks, self._experts
        count, width = experts.count, experts.width
        wide = count * width
        spread = (self._rows, count)
        nothing = w.deferred(f"no_expert_{self._rows}", spread, lambda: np.zeros(spread, np.float32))
        shares = w.op("ScatterElements", [nothing, chosen, weights], spread, axis=1)
        gate = b.product(normed, self._joined(f"{prefix}gate_up_proj", "gate"), wide, "gate_proj")
        up = b.product(normed, self._joined(f"{prefix}gate_up_proj", "up"), wide, "up_proj")
        inner = (b.batch, b.tokens, wide)
        gated = w.op("Mul", [b.silu(gate, inner), up], inner)
        each = (self._rows, count, width)
        shared = w.op("Mul", [b.reshape(gated, *each), b.reshape(shares, self._rows, count, 1)], each)
        return b.product(b.reshape(shared, *inner), self._joined(f"{prefix}down_proj", "down"), b.spec.hidden_size,
                         "down_proj")  # fmt: skip

    def _joined(self, weight: str, part: str) -> ir.Value:
        """All experts' matrices as one: ``gate`` and ``up`` side by side, ``down`` one below the other."""
        read, width, hidden = self._blocks.weights, self._experts.width, self._blocks.spec.hidden_size

        def make() -> np.ndarray:
            if part == "down":
                return np.ascontiguousarray(read(weight).transpose(0, 2, 1).reshape(-1, hidden))
            rows = read(weight)[:, :width] if part == "gate" else read(weight)[:, width:]
            return np.ascontiguousarray(rows.reshape(-1, hidden).T)

        wide = self._experts.count * width
        shape = (wide, hidden) if part == "down" else (hidden, wide)
        return self._writer.deferred(f"{weight}.{part}", shape, make)
