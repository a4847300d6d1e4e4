"""Gated DeltaNet in standard ONNX operators: one recurrent step, or a prompt in chunks.

A prompt is what transformers' ``torch_chunk_gated_delta_rule`` computes, without loops: vendors' compilers take neither
Scan nor Loop. Within chunks of :data:`~backends.qwen.mixers.CHUNK_TOKENS` the triangular system is inverted for all
chunks at once, by blocks of doubling size: of a lower triangle with ones on its diagonal,
``[[A, 0], [B, D]]`` has the inverse ``[[A', 0], [-D' B A', D']]``. The state then passes from chunk to chunk, a dozen
nodes each, so the graph of a prompt grows with its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from backends.portable.blocks import EXACT, Blocks
from backends.qwen.mixers import CHUNK_TOKENS, DeltaNet

L2_EPSILON = 1e-6
"""Added to the squared length of a query or key, as in transformers."""


@dataclass(frozen=True, slots=True)
class _Token:
    """What the recurrence gets, ``[batch, value_heads, tokens, width]``; of decay (its logarithm) and write strength
    one a head and token."""

    query: ir.Value
    key: ir.Value
    value: ir.Value
    decay: ir.Value
    strength: ir.Value


class _Chunks(NamedTuple):
    """What passes through the scan, by chunks: values to write and keys that read what is there already, queries,
    products within the chunk, columns to write with, and what the chunk leaves of the state."""

    new: ir.Value
    old: ir.Value
    asked: ir.Value
    within: ir.Value
    written: ir.Value
    faded: ir.Value


class DeltaNetWriter:
    """Adds one layer's Gated DeltaNet."""

    def __init__(self, blocks: Blocks, delta: DeltaNet) -> None:
        self._blocks, self._writer, self._delta = blocks, blocks.writer, delta
        self._batch, self._tokens = blocks.batch, blocks.tokens
        self._state = (blocks.batch, delta.value_heads, delta.key_dim, delta.value_dim)

    def write(
        self, at: tuple[str, ...], prefix: str, normed: ir.Value, past: tuple[ir.Value, ir.Value] | None
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """The layer's mixture, the convolution's last inputs and the state; from ``past`` ones, or from nothing."""
        w, b, delta = self._writer, self._blocks, self._delta
        values = delta.value_heads * delta.value_dim
        mixed = b.product(normed, self._part(prefix, "qkv", delta.channels), delta.channels, "in_proj_qkv")
        z = b.product(normed, self._part(prefix, "z", values), values, "in_proj_z")
        a, beta = (
            b.product(normed, self._part(prefix, one, delta.value_heads), delta.value_heads, f"in_proj_{one}")
            for one in "ab"
        )
        mixed, inputs = self._convolve(mixed, prefix, past and past[0])
        w.scope(*at, EXACT)
        token = self._token(mixed, a, beta, prefix)
        out, state = self._step(token, past[1]) if past else self._chunks(token)
        w.scope(*at)
        shape = (self._batch, self._tokens, delta.value_heads, delta.value_dim)
        out = w.op("Transpose", [out], shape, perm=[0, 2, 1, 3])
        out = b.rms_norm(out, b.weight(f"{prefix}norm.weight"), shape)
        gate = self._gate(b.reshape(z, *shape), shape)
        flat = b.reshape(w.op("Mul", [out, gate], shape), self._batch, self._tokens, values)
        return b.project(flat, f"{prefix}out_proj.weight", b.spec.hidden_size), inputs, state

    def _gate(self, z: ir.Value, shape: tuple[int, ...]) -> ir.Value:
        if self._blocks.spec.output_gate == "sigmoid":
            return self._writer.op("Sigmoid", [z], shape)
        return self._blocks.silu(z, shape)

    def _part(self, prefix: str, part: str, columns: int) -> ir.Value:
        """The matrix ``[hidden, columns]`` of one projection; out of a fused one, its rows in the order of the split
        layout."""
        b = self._blocks
        if not self._delta.fused:
            name = f"{prefix}in_proj_{part}.weight"
            return b.transposed(name, name)
        return self._writer.deferred(f"{prefix}in_proj_{part}.weight", (b.spec.hidden_size, columns),
                                     lambda: np.ascontiguousarray(self._unfused(prefix, part).T))  # fmt: skip

    def _unfused(self, prefix: str, part: str) -> np.ndarray:
        """Rows of ``in_proj_qkvz`` and ``in_proj_ba``, which have all of one key head together, head by head."""
        delta, hidden = self._delta, self._blocks.spec.hidden_size
        group = delta.value_heads // delta.key_heads
        name, widths = ("ba", [group] * 2)
        if part in ("qkv", "z"):
            name, widths = "qkvz", [delta.key_dim] * 2 + [group * delta.value_dim] * 2
        rows = self._blocks.weights(f"{prefix}in_proj_{name}.weight").reshape(delta.key_heads, -1, hidden)
        pieces = [piece.reshape(-1, hidden) for piece in np.split(rows, np.cumsum(widths)[:-1], axis=1)]
        chosen = {"qkv": pieces[:3], "z": pieces[3:], "b": pieces[:1], "a": pieces[1:]}[part]
        return np.concatenate(chosen)

    def _convolve(self, x: ir.Value, prefix: str, past: ir.Value | None) -> tuple[ir.Value, ir.Value]:
        """Each channel over its last ``taps`` inputs, then SiLU; and the inputs that the next token needs."""
        w, delta, batch = self._writer, self._delta, self._batch
        channels, kept, taps = delta.channels, delta.taps - 1, delta.taps
        shape = (batch, channels, self._tokens)
        x = w.op("Transpose", [x], shape, perm=[0, 2, 1])
        room, pads = self._tokens, [kept, 0]
        if past is not None or self._tokens < kept:
            before = past or w.constant("no_inputs", np.zeros((batch, channels, kept), np.float32))
            x, room, pads = w.op("Concat", [before, x], (batch, channels, kept + room), axis=2), kept + room, [0, 0]
        weight = self._blocks.weight(f"{prefix}conv1d.weight")
        out = w.op("Conv", [x, weight], shape, group=channels, kernel_shape=[taps], pads=pads)
        inputs = self._blocks.columns(x, (batch, channels, room), room - kept, room)
        out = self._blocks.silu(out, shape)
        return w.op("Transpose", [out], (batch, self._tokens, channels), perm=[0, 2, 1]), inputs

    def _token(self, mixed: ir.Value, a: ir.Value, beta: ir.Value, prefix: str) -> _Token:
        w, b, delta = self._writer, self._blocks, self._delta
        keys, shape = delta.key_heads * delta.key_dim, (self._batch, self._tokens, delta.channels)
        query = self._unit(b.columns(mixed, shape, 0, keys))
        query = w.op("Mul", [query, w.scalar(delta.key_dim**-0.5)], (*self._state[:2], self._tokens, delta.key_dim))
        key = self._unit(b.columns(mixed, shape, keys, 2 * keys))
        value = self._heads(b.columns(mixed, shape, 2 * keys, delta.channels), delta.value_heads, delta.value_dim)
        gate = (self._batch, self._tokens, delta.value_heads)
        rate = w.deferred(f"{prefix}decay_rate", (delta.value_heads,),
                          lambda: -np.exp(b.weights(f"{prefix}A_log")))  # fmt: skip
        pace = w.op("Softplus", [w.op("Add", [a, b.weight(f"{prefix}dt_bias")], gate)], gate)
        turned = (*self._state[:2], self._tokens)
        decay = w.op("Transpose", [w.op("Mul", [pace, rate], gate)], turned, perm=[0, 2, 1])
        strength = w.op("Transpose", [w.op("Sigmoid", [beta], gate)], turned, perm=[0, 2, 1])
        return _Token(query, key, value, decay, strength)

    def _heads(self, x: ir.Value, heads: int, width: int) -> ir.Value:
        """``[batch, tokens, heads x width]`` as ``[batch, heads, tokens, width]``."""
        split = self._blocks.reshape(x, self._batch, self._tokens, heads, width)
        return self._writer.op("Transpose", [split], (self._batch, heads, self._tokens, width), perm=[0, 2, 1, 3])

    def _unit(self, x: ir.Value) -> ir.Value:
        """Queries or keys of length one, a head for every value head."""
        w, delta = self._writer, self._delta
        shape = (self._batch, delta.key_heads, self._tokens, delta.key_dim)
        x = self._heads(x, delta.key_heads, delta.key_dim)
        one = (*shape[:-1], 1)
        length = w.op("ReduceSum", [w.op("Mul", [x, x], shape), w.ints(-1)], one, keepdims=1)
        root = w.op("Sqrt", [w.op("Add", [length, w.scalar(L2_EPSILON)], one)], one)
        unit = w.op("Mul", [x, w.op("Div", [w.scalar(1.0), root], one)], shape)
        return self._blocks.repeat_heads(unit, delta.value_heads // delta.key_heads, shape)

    def _step(self, token: _Token, state: ir.Value) -> tuple[ir.Value, ir.Value]:
        """``S <- g S; S <- S + k (v - k S) beta; out = q S``, for one token."""
        w, shape = self._writer, self._state
        heads, (key, value) = shape[:2], shape[2:]
        row, per_head = (*heads, 1, value), (*heads, 1, 1)
        decay = self._blocks.reshape(w.op("Exp", [token.decay], (*heads, 1)), *per_head)
        state = w.op("Mul", [state, decay], shape)
        error = w.op("Sub", [token.value, w.op("MatMul", [token.key, state], row, "read/MatMul")], row)
        error = w.op("Mul", [error, self._blocks.reshape(token.strength, *per_head)], row)
        column = w.op("Transpose", [token.key], (*heads, key, 1), perm=[0, 1, 3, 2])
        state = w.op("Add", [state, w.op("MatMul", [column, error], shape, "write/MatMul")], shape)
        return w.op("MatMul", [token.query, state], row, "out/MatMul"), state

    def _chunks(self, token: _Token) -> tuple[ir.Value, ir.Value]:
        """A whole prompt, from an empty state; inside, batch and heads are one dimension."""
        w, b, delta = self._writer, self._blocks, self._delta
        size = min(CHUNK_TOKENS, self._tokens)
        count = -(-self._tokens // size)
        chunked = self._sizes(count, size)
        query, key = (self._chunked(one, delta.key_dim, count, size) for one in (token.query, token.key))
        value = self._chunked(token.value, delta.value_dim, count, size)
        decay, strength = (self._chunked(one, 0, count, size) for one in (token.decay, token.strength))
        keys, values, square = ((*chunked, width) for width in (delta.key_dim, delta.value_dim, size))
        one, last = (*chunked, 1), len(chunked) - 1
        summed = w.op("CumSum", [decay, w.constant(f"axis_{last}", np.asarray(last, np.int64))], chunked)
        column = b.reshape(summed, *one)
        between = self._pairwise(summed, column, chunked)
        strength = b.reshape(strength, *one)
        strong = w.op("Mul", [key, strength], keys)
        columns = (*chunked[:-1], delta.key_dim, size)
        turned = w.op("Transpose", [key], columns, perm=[*range(last), last + 1, last])
        system = w.op("Mul", [w.op("MatMul", [strong, turned], square, "system/MatMul"), between], square)
        within = w.op("Mul", [w.op("MatMul", [query, turned], square, "within/MatMul"), between], square)
        inverse = self._inverse(system, square)
        since = w.op("Exp", [column], one)
        new = w.op("MatMul", [inverse, w.op("Mul", [value, strength], values)], values, "values/MatMul")
        old = w.op("MatMul", [inverse, w.op("Mul", [strong, since], keys)], keys, "keys/MatMul")
        end = b.columns(summed, chunked, size - 1, size)
        left = w.op("Exp", [w.op("Sub", [end, summed], chunked)], chunked)
        written = w.op("Mul", [turned, b.reshape(left, *chunked[:-1], 1, size)], columns)
        asked = w.op("Mul", [query, since], keys)
        faded = b.reshape(w.op("Exp", [end], (*chunked[:-1], 1)), *chunked[:-1], 1, 1)
        return self._scan(_Chunks(new, old, asked, within, written, faded), count, size)

    def _scan(self, chunks: _Chunks, count: int, size: int) -> tuple[ir.Value, ir.Value]:
        """The state from chunk to chunk, and every token's output."""
        w, b, delta = self._writer, self._blocks, self._delta
        heads = self._batch * delta.value_heads
        shape = (heads, delta.key_dim, delta.value_dim)
        row = (heads, size, delta.value_dim)
        state: ir.Value | None = None
        outs = []
        for number in range(count):
            new, old, asked, within, written, faded = (self._chunk(one, number, count) for one in chunks)
            read = None
            if state is not None:
                new = w.op("Sub", [new, w.op("MatMul", [old, state], row, "read/MatMul")], row)
                read = w.op("MatMul", [asked, state], row, "out/MatMul")
            out = w.op("MatMul", [within, new], row, "out/MatMul")
            outs.append(out if read is None else w.op("Add", [read, out], row))
            added = w.op("MatMul", [written, new], shape, "write/MatMul")
            state = added if state is None else w.op("Add", [w.op("Mul", [state, faded], shape), added], shape)
        assert state is not None
        whole = (heads, count * size, delta.value_dim)
        out = w.op("Concat", outs, whole, axis=1) if count > 1 else outs[0]
        if count * size > self._tokens:
            rest = (heads, self._tokens, delta.value_dim)
            out = w.op("Slice", [out, w.ints(0), w.ints(self._tokens), w.ints(1)], rest)
        out = b.reshape(out, self._batch, delta.value_heads, self._tokens, delta.value_dim)
        return out, b.reshape(state, *self._state)

    def _sizes(self, count: int, size: int) -> tuple[int, ...]:
        """Of a number for each token, by chunks.

        At most four dimensions with another behind them, and none of size 1 for one chunk: nncase 2.11.0 aborts on sums
        of five, and tpu-mlir 1.30.2 multiplies wrongly with one of size 1.
        """
        heads = self._batch * self._delta.value_heads
        return (heads, count, size) if count > 1 else (heads, size)

    def _chunk(self, x: ir.Value, number: int, count: int) -> ir.Value:
        w = self._writer
        if count == 1:
            return x
        heads, _, *rest = (int(size) for size in x.shape or ())  # type: ignore[call-overload]
        return w.op("Gather", [x, w.constant(f"chunk_{number}", np.asarray(number, np.int64))], (heads, *rest), axis=1)

    def _chunked(self, x: ir.Value, width: int, count: int, size: int) -> ir.Value:
        """``[batch, heads, tokens, width]`` (no last dimension if it is 0), filled up with zeros, by chunks."""
        w, heads, last = self._writer, self._batch * self._delta.value_heads, (width,) if width else ()
        x = self._blocks.reshape(x, heads, self._tokens, *last)
        if room := count * size - self._tokens:
            shape = (heads, room, *last)
            zeros = w.constant("nothing_" + "_".join(map(str, shape)), np.zeros(shape, np.float32))
            x = w.op("Concat", [x, zeros], (heads, count * size, *last), axis=1)
        return self._blocks.reshape(x, *self._sizes(count, size), *last) if count > 1 else x

    def _pairwise(self, summed: ir.Value, column: ir.Value, chunked: tuple[int, ...]) -> ir.Value:
        """How much of what token j wrote is left at token i of its chunk; 0 for those after i."""
        w, size = self._writer, chunked[-1]
        square = (*chunked, size)
        lower = w.constant(f"lower_{size}", np.tril(np.ones((size, size), np.float32)))
        row = self._blocks.reshape(summed, *chunked[:-1], 1, size)
        # Masked before the exponential too: what lies above the diagonal would overflow.
        apart = w.op("Mul", [w.op("Sub", [column, row], square), lower], square)
        return w.op("Mul", [w.op("Exp", [apart], square), lower], square)

    def _inverse(self, system: ir.Value, square: tuple[int, ...]) -> ir.Value:
        """The inverse of ``I`` plus what ``system`` has below its diagonal."""
        w, size = self._writer, square[-1]
        inverse: ir.Value | None = None
        block = 1
        while block < size:
            mask = w.constant(f"blocks_{size}_{block}", _below(size, block))
            below = w.op("Mul", [system, mask], square)
            if inverse is None:
                inverse = w.op("Sub", [w.constant(f"identity_{size}", np.eye(size, dtype=np.float32)), below], square)
            else:
                both = w.op("MatMul", [w.op("MatMul", [inverse, below], square, "inverse/MatMul"), inverse], square,
                            "inverse/MatMul")  # fmt: skip
                inverse = w.op("Sub", [inverse, both], square)
            block *= 2
        if inverse is None:  # a chunk of one token
            none = w.op("Mul", [system, w.scalar(0.0)], square)
            inverse = w.op("Add", [none, w.scalar(1.0)], square)
        return inverse


def _below(size: int, block: int) -> np.ndarray:
    """1 where a block of odd number has its row and the even one before it its column."""
    numbers = np.arange(size) // block
    rows, columns = numbers[:, None], numbers[None, :]
    return ((rows % 2 == 1) & (columns == rows - 1)).astype(np.float32)
