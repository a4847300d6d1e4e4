"""Softmax attention in standard ONNX operators: grouped, with normed heads, a partial rotation, or a gated output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from backends.portable.blocks import Blocks
from backends.qwen.model import ModelSpec

Attend = Callable[[ir.Value, ir.Value], tuple[ir.Value, ir.Value, ir.Value, ir.Value, int]]
"""From a layer's new keys and values ``[batch, kv_heads, tokens, head_dim]``: the keys and values to attend to, those
to give out, and how many positions the former have."""


@dataclass(frozen=True, slots=True)
class Positions:
    """What attention knows of positions: rotary ``cos`` and ``sin`` ``[1, 1, tokens, rotary_width]``, the mask, and
    the ``slot`` of a cache kept whole."""

    cos: ir.Value
    sin: ir.Value
    mask: ir.Value
    slot: ir.Value | None = None


def rotary_width(spec: ModelSpec) -> int:
    """Return how many of a head's lanes the rotary embedding turns."""
    return int(spec.head_dim * spec.rotary_fraction)


def rotary_tables(spec: ModelSpec, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``cos`` and ``sin`` of each position, float32 ``[1, 1, positions, rotary_width]``, as in transformers.

    A text gives time, height and width one position, so that sections of several (mrope) change nothing.
    """
    width = rotary_width(spec)
    exponent = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    inverse = (1.0 / (np.float32(spec.rope_theta) ** exponent)).astype(np.float32)
    angles = positions.astype(np.float32)[:, None] * inverse[None]
    both = np.concatenate([angles, angles], axis=-1)[None, None]
    return np.cos(both), np.sin(both)


class AttentionWriter:
    """Adds one layer's attention."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks, self._writer, self._spec = blocks, blocks.writer, blocks.spec

    def write(
        self, prefix: str, normed: ir.Value, positions: Positions, attend: Attend
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """The layer's mixture, and what ``attend`` gives as its keys and values."""
        w, b, spec = self._writer, self._blocks, self._spec
        query, gate = self._query(normed, prefix)
        key = self._heads(self._projected(normed, prefix, "k", spec.kv_heads), prefix, "k", spec.kv_heads)
        value = self._heads(self._projected(normed, prefix, "v", spec.kv_heads), prefix, "v", spec.kv_heads)
        query = self._rotate(query, positions, spec.attention_heads)
        key = self._rotate(key, positions, spec.kv_heads)
        all_keys, all_values, kept_keys, kept_values, context = attend(key, value)
        mixed = self._mix(query, all_keys, all_values, positions.mask, context)
        if gate is not None:
            flat = (b.batch, b.tokens, spec.attention_width)
            mixed = w.op("Mul", [mixed, w.op("Sigmoid", [gate], flat)], flat)
        return b.project(mixed, f"{prefix}o_proj.weight", spec.hidden_size), kept_keys, kept_values

    def _query(self, normed: ir.Value, prefix: str) -> tuple[ir.Value, ir.Value | None]:
        """The queries; and, if attention is gated, what its output is multiplied by a sigmoid of."""
        b, spec = self._blocks, self._spec
        heads, width = spec.attention_heads, spec.head_dim
        if not spec.family.gated_attention:
            return self._heads(self._projected(normed, prefix, "q", heads), prefix, "q", heads), None
        both = (b.batch, b.tokens, heads, 2 * width)
        joined = b.reshape(b.project(normed, f"{prefix}q_proj.weight", 2 * heads * width), *both)
        query = b.columns(joined, both, 0, width)
        gate = b.reshape(b.columns(joined, both, width, 2 * width), b.batch, b.tokens, heads * width)
        return self._heads(query, prefix, "q", heads), gate

    def _projected(self, x: ir.Value, prefix: str, part: str, heads: int) -> ir.Value:
        """A projection as ``[batch, tokens, heads, head_dim]``."""
        b, spec = self._blocks, self._spec
        width = heads * spec.head_dim
        flat = b.project(x, f"{prefix}{part}_proj.weight", width)
        if spec.family.qkv_bias:
            bias = b.weight(f"{prefix}{part}_proj.bias")
            flat = self._writer.op("Add", [flat, bias], (b.batch, b.tokens, width))
        return b.reshape(flat, b.batch, b.tokens, heads, spec.head_dim)

    def _heads(self, shaped: ir.Value, prefix: str, part: str, heads: int) -> ir.Value:
        """Normed where the family norms queries and keys, as ``[batch, heads, tokens, head_dim]``."""
        b, spec = self._blocks, self._spec
        if spec.family.qk_norm and part != "v":
            split = (b.batch, b.tokens, heads, spec.head_dim)
            shaped = b.rms_norm(shaped, b.norm_weight(f"{prefix}{part}_norm.weight"), split)
        turned = (b.batch, heads, b.tokens, spec.head_dim)
        return self._writer.op("Transpose", [shaped], turned, perm=[0, 2, 1, 3])

    def _rotate(self, x: ir.Value, positions: Positions, heads: int) -> ir.Value:
        w, b, width = self._writer, self._blocks, rotary_width(self._spec)
        whole = (b.batch, heads, b.tokens, self._spec.head_dim)
        shape, half = (*whole[:-1], width), width // 2
        turned_lanes = x if shape == whole else b.columns(x, whole, 0, width)
        first = b.columns(turned_lanes, shape, 0, half)
        second = b.columns(turned_lanes, shape, half, width)
        swapped = w.op("Concat", [w.op("Neg", [second], (*shape[:-1], half)), first], shape, axis=-1)
        products = [
            w.op("Mul", pair, shape) for pair in ([turned_lanes, positions.cos], [swapped, positions.sin])
        ]  # fmt: skip
        rotated = w.op("Add", products, shape)
        if shape == whole:
            return rotated
        return w.op("Concat", [rotated, b.columns(x, whole, width, whole[-1])], whole, axis=-1)

    def _mix(self, query: ir.Value, keys: ir.Value, values: ir.Value, mask: ir.Value, context: int) -> ir.Value:
        """Softmax attention over ``context`` positions; the result is ``[batch, tokens, heads x head_dim]``."""
        w, b, spec = self._writer, self._blocks, self._spec
        heads, width = spec.attention_heads, spec.head_dim
        cached, group = (b.batch, spec.kv_heads, context, width), heads // spec.kv_heads
        keys, values = (b.repeat_heads(one, group, cached) for one in (keys, values))
        turned = w.op("Transpose", [keys], (b.batch, heads, width, context), perm=[0, 1, 3, 2])
        square = (b.batch, heads, b.tokens, context)
        scores = w.op("MatMul", [query, turned], square, "scores/MatMul")
        scores = w.op("Mul", [scores, w.scalar(width**-0.5)], square)
        weights = w.op("Softmax", [w.op("Add", [scores, mask], square)], square, axis=-1)
        mixed = w.op("MatMul", [weights, values], (b.batch, heads, b.tokens, width), "mix/MatMul")
        mixed = w.op("Transpose", [mixed], (b.batch, b.tokens, heads, width), perm=[0, 2, 1, 3])
        return b.reshape(mixed, b.batch, b.tokens, heads * width)
