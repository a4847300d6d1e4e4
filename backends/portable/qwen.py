"""Qwen2 and Qwen3 in standard ONNX operators, in the form that transformers' classes have when PyTorch exports them.

That form matters: vendor compilers recognise RMSNorm, rotary embedding and attention by their pattern of nodes, and
one of them (nncase 2.11.0) recognises wrongly. A chip is judged by what it makes of the usual form; a compiler that
needs another gets it by a named rewrite (:mod:`backends.portable.rewrites`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from backends.portable.writer import Writer
from backends.qwen.model import ModelSpec

Weights = Callable[[str], np.ndarray]


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary embedding: ``cos`` and ``sin`` of shape ``[1, 1, tokens, head_dim]``."""

    cos: ir.Value
    sin: ir.Value


def rotary_tables(spec: ModelSpec, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``cos`` and ``sin`` of each position, float32 ``[1, 1, positions, head_dim]``, as in transformers."""
    exponent = np.arange(0, spec.head_dim, 2, dtype=np.float32) / np.float32(spec.head_dim)
    inverse = (1.0 / (np.float32(spec.rope_theta) ** exponent)).astype(np.float32)
    angles = positions.astype(np.float32)[:, None] * inverse[None]
    both = np.concatenate([angles, angles], axis=-1)[None, None]
    return np.cos(both), np.sin(both)


class QwenWriter:
    """Adds the parts of a Qwen decoder to a graph; hidden states are ``[batch, tokens, hidden_size]``."""

    def __init__(self, writer: Writer, spec: ModelSpec, weights: Weights, batch: int, tokens: int) -> None:
        self.writer, self.spec, self.weights = writer, spec, weights
        self.batch, self.tokens = batch, tokens
        self._shapes = spec.tensor_shapes()

    def embedding(self, token_ids: ir.Value) -> ir.Value:
        """Rows of the embedding."""
        table = self._weight("model.embed_tokens.weight")
        shape = (self.batch, self.tokens, self.spec.hidden_size)
        return self.writer.scope("model", "embed_tokens").op("Gather", [table, token_ids], shape, axis=0)

    def head(self, hidden: ir.Value) -> ir.Value:
        """Logits of the last token, ``[batch, 1, vocab_size]``."""
        w, spec = self.writer, self.spec
        if self.tokens > 1:
            w.scope("model")
            bounds = [w.ints(self.tokens - 1), w.ints(self.tokens), w.ints(1)]
            hidden = w.op("Slice", [hidden, *bounds], (self.batch, 1, spec.hidden_size), "last_token")
        w.scope("model", "norm")
        hidden = self._rms_norm(hidden, "model.norm.weight", (self.batch, 1, spec.hidden_size))
        name = "model.embed_tokens.weight" if spec.tied_embeddings else "lm_head.weight"
        matrix = self._transposed(name, "lm_head.matrix")
        return w.scope("lm_head").op("MatMul", [hidden, matrix], (self.batch, 1, spec.vocab_size))

    def layer(
        self, number: int, hidden: ir.Value, rotation: Rotation, mask: ir.Value, attend: Attend
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """One decoder layer: hidden states, and what ``attend`` gives as the layer's keys and values."""
        w, spec = self.writer, self.spec
        prefix = f"model.layers.{number}."
        wide = (self.batch, self.tokens, spec.hidden_size)
        at = ("model", f"layers.{number}")

        w.scope(*at, "input_layernorm")
        normed = self._rms_norm(hidden, f"{prefix}input_layernorm.weight", wide)
        w.scope(*at, "self_attn")
        query = self._heads(normed, prefix, "q", spec.attention_heads)
        key = self._heads(normed, prefix, "k", spec.kv_heads)
        value = self._heads(normed, prefix, "v", spec.kv_heads)
        query = self._rotate(query, rotation, spec.attention_heads)
        key = self._rotate(key, rotation, spec.kv_heads)
        all_keys, all_values, kept_keys, kept_values, context = attend(key, value)
        mixed = self._attention(query, all_keys, all_values, mask, context)
        mixed = self._project(mixed, f"{prefix}self_attn.o_proj.weight", spec.hidden_size)
        w.scope(*at)
        hidden = w.op("Add", [hidden, mixed], wide)

        w.scope(*at, "post_attention_layernorm")
        normed = self._rms_norm(hidden, f"{prefix}post_attention_layernorm.weight", wide)
        w.scope(*at, "mlp")
        inner = (self.batch, self.tokens, spec.intermediate_size)
        gate = self._project(normed, f"{prefix}mlp.gate_proj.weight", spec.intermediate_size)
        up = self._project(normed, f"{prefix}mlp.up_proj.weight", spec.intermediate_size)
        gate = w.op("Mul", [gate, w.op("Sigmoid", [gate], inner)], inner)
        down = self._project(w.op("Mul", [gate, up], inner), f"{prefix}mlp.down_proj.weight", spec.hidden_size)
        w.scope(*at)
        return w.op("Add", [hidden, down], wide), kept_keys, kept_values

    def _weight(self, name: str) -> ir.Value:
        return self.writer.deferred(name, self._shapes[name], lambda: self.weights(name))

    def _transposed(self, weight: str, name: str) -> ir.Value:
        """A matrix as ``[in, out]``."""
        rows, columns = self._shapes[weight]
        return self.writer.deferred(name, (columns, rows), lambda: np.ascontiguousarray(self.weights(weight).T))

    def _rms_norm(self, x: ir.Value, weight: str, shape: tuple[int, ...]) -> ir.Value:
        w = self.writer
        one = (*shape[:-1], 1)
        square = w.op("Pow", [x, w.scalar(2.0)], shape)
        mean = w.op("ReduceMean", [square, w.ints(-1)], one, keepdims=1)
        root = w.op("Sqrt", [w.op("Add", [mean, w.scalar(self.spec.rms_norm_eps)], one)], one)
        inverse = w.op("Div", [w.scalar(1.0), root], one)
        scaled = w.op("Mul", [x, inverse], shape)
        return w.op("Mul", [self._weight(weight), scaled], shape)

    def _project(self, x: ir.Value, weight: str, columns: int) -> ir.Value:
        leaf = weight.rsplit(".", 2)[-2]
        return self.writer.op(
            "MatMul", [x, self._transposed(weight, weight)], (self.batch, self.tokens, columns), f"{leaf}/MatMul"
        )

    def _heads(self, x: ir.Value, prefix: str, part: str, heads: int) -> ir.Value:
        """A projection as ``[batch, heads, tokens, head_dim]``, normed per head in Qwen3's queries and keys."""
        w, spec = self.writer, self.spec
        width = heads * spec.head_dim
        flat = self._project(x, f"{prefix}self_attn.{part}_proj.weight", width)
        if spec.architecture == "qwen2":
            bias = self._weight(f"{prefix}self_attn.{part}_proj.bias")
            flat = w.op("Add", [flat, bias], (self.batch, self.tokens, width))
        split = (self.batch, self.tokens, heads, spec.head_dim)
        shaped = w.op("Reshape", [flat, w.ints(*split)], split)
        if spec.architecture == "qwen3" and part != "v":
            shaped = self._rms_norm(shaped, f"{prefix}self_attn.{part}_norm.weight", split)
        return w.op("Transpose", [shaped], (self.batch, heads, self.tokens, spec.head_dim), perm=[0, 2, 1, 3])

    def _rotate(self, x: ir.Value, rotation: Rotation, heads: int) -> ir.Value:
        w, half = self.writer, self.spec.head_dim // 2
        shape = (self.batch, heads, self.tokens, self.spec.head_dim)
        part = (*shape[:-1], half)
        first = w.op("Slice", [x, w.ints(0), w.ints(half), w.ints(3)], part)
        second = w.op("Slice", [x, w.ints(half), w.ints(2 * half), w.ints(3)], part)
        turned = w.op("Concat", [w.op("Neg", [second], part), first], shape, axis=-1)
        return w.op("Add", [w.op("Mul", [x, rotation.cos], shape), w.op("Mul", [turned, rotation.sin], shape)], shape)

    def _attention(self, query: ir.Value, keys: ir.Value, values: ir.Value, mask: ir.Value, context: int) -> ir.Value:
        """Softmax attention over ``context`` positions; the result is ``[batch, tokens, heads x head_dim]``."""
        w, spec = self.writer, self.spec
        keys, values = self._repeat(keys, context), self._repeat(values, context)
        heads, width = spec.attention_heads, spec.head_dim
        turned = w.op("Transpose", [keys], (self.batch, heads, width, context), perm=[0, 1, 3, 2])
        square = (self.batch, heads, self.tokens, context)
        scores = w.op("MatMul", [query, turned], square, "scores/MatMul")
        scores = w.op("Mul", [scores, w.scalar(width**-0.5)], square)
        weights = w.op("Softmax", [w.op("Add", [scores, mask], square)], square, axis=-1)
        mixed = w.op("MatMul", [weights, values], (self.batch, heads, self.tokens, width), "mix/MatMul")
        mixed = w.op("Transpose", [mixed], (self.batch, self.tokens, heads, width), perm=[0, 2, 1, 3])
        flat = (self.batch, self.tokens, heads * width)
        return w.op("Reshape", [mixed, w.ints(*flat)], flat)

    def _repeat(self, x: ir.Value, context: int) -> ir.Value:
        """Give every query head its key head: grouped attention, as transformers repeats it."""
        w, spec = self.writer, self.spec
        group = spec.attention_heads // spec.kv_heads
        if group == 1:
            return x
        one = (self.batch, spec.kv_heads, 1, context, spec.head_dim)
        many = (self.batch, spec.kv_heads, group, context, spec.head_dim)
        all_heads = (self.batch, spec.attention_heads, context, spec.head_dim)
        x = w.op("Unsqueeze", [x, w.ints(2)], one)
        x = w.op("Expand", [x, w.ints(*many)], many)
        return w.op("Reshape", [x, w.ints(*all_heads)], all_heads)


Attend = Callable[[ir.Value, ir.Value], tuple[ir.Value, ir.Value, ir.Value, ir.Value, int]]
"""From a layer's new keys and values ``[batch, kv_heads, tokens, head_dim]``: the keys and values to attend to, those
to
give out, and how many positions the former have."""
