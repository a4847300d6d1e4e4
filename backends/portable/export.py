"""Graphs of a model: prefill or decode step, whole or in parts, with caches and states as inputs and outputs.

Layers of a kind are alike, so a compiler that cannot take a whole model takes one layer of each kind and the ends; its
figures for the layer count once per layer. The caller chooses by :class:`Form`.

Names: ``input_ids`` int64 ``[batch, tokens]`` or ``hidden``. In a decode step, for attention ``cos``, ``sin``
``[1, 1, 1, rotary_width]`` and ``mask`` ``[1, 1, 1, context]`` (0 or a large negative number), ``past.N.key`` and
``past.N.value`` ``[batch, kv_heads, past_tokens, head_dim]``; for Gated DeltaNet ``past.N.conv``
``[batch, channels, taps - 1]`` and ``past.N.recurrent`` ``[batch, value_heads, key_dim, value_dim]``. Out: ``logits``
``[batch, 1, vocab_size]`` or ``hidden_out``, and ``present.N.*`` of every ``past.N.*``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx_ir as ir

from backends.common.errors import UnavailableError
from backends.portable.attention import Attend, Positions, rotary_tables, rotary_width
from backends.portable.families import PORTABLE
from backends.portable.qwen import Past, QwenWriter
from backends.portable.writer import Writer
from backends.qwen.mixers import Attention
from backends.qwen.model import Model, ModelSpec
from backends.qwen.weights import weight_reader

Part = Literal["whole", "layer", "head"]
Phase = Literal["prefill", "decode"]
Cache = Literal["rows", "buffer"]

LOWEST = float(np.finfo(np.float32).min)
"""What transformers adds where a position must not be attended to."""

PROTOBUF_LIMIT_BYTES = 2**31 - 1
"""Largest protobuf message, hence the largest graph of vendor tools that read one file."""


class GraphTooLargeError(UnavailableError):
    """A graph does not fit one protobuf file."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which graph. ``tokens`` are new ones (1 in a decode step); ``past_tokens`` is the room of the cache given to it.

    ``rows``: the graph gives out keys and values of the new tokens, the host puts them into the cache, and a step
    attends to ``past_tokens + 1`` positions. ``buffer``: it gives out the whole cache of ``past_tokens`` positions,
    with the new row written where the input ``slot`` (bool ``[1, 1, past_tokens, 1]``) is true. States of Gated
    DeltaNet go in and out whole either way. ``layer`` is the one that the part ``layer`` is of, zero-indexed.
    """

    phase: Phase
    part: Part
    tokens: int
    past_tokens: int = 0
    batch: int = 1
    cache: Cache = "rows"
    layer: int = 0

    @property
    def name(self) -> str:
        """Short and unique among the graphs of one path."""
        if self.part == "head":
            return "head"
        return f"{self.phase}_{self.part}{self.layer or ''}"


def build_graph(model: Model, form: Form) -> ir.Model:
    """Return the graph of ``form`` with the weights of ``model``.

    Weights are read, or made, when a constant is first used; the structure alone needs none.

    Raises:
        UnavailableError: No graph is written for the architecture.
    """
    spec = model.spec
    if spec.architecture not in PORTABLE:
        raise UnavailableError(
            f"no portable graph is written for {spec.architecture}, the architecture of {spec.name}: its residual "
            "streams, n-gram table and sparse attention have none yet; choose a model of another architecture"
        )
    writer = Writer(f"{spec.name}_{form.name}")
    qwen = QwenWriter(writer, spec, weight_reader(model), form.batch, form.tokens)
    if form.part == "head":
        hidden = writer.input("hidden", (form.batch, form.tokens, spec.hidden_size))
        writer.output(qwen.head(hidden), "logits")
        return writer.model()
    if form.part == "whole":
        ids = writer.input("input_ids", (form.batch, form.tokens), ir.DataType.INT64)
        hidden = qwen.embedding(ids)
    else:
        hidden = writer.input("hidden", (form.batch, form.tokens, spec.hidden_size))
    numbers = range(spec.layers) if form.part == "whole" else [form.layer]
    attends = any(isinstance(spec.layer(number).mixer, Attention) for number in numbers)
    positions = _positions(writer, spec, form) if attends else None
    present: list[tuple[str, ir.Value]] = []
    for number in numbers:
        attend = past = None
        if isinstance(spec.layer(number).mixer, Attention):
            assert positions is not None
            decode = form.phase == "decode"
            attend = _decode(writer, spec, form, number, positions.slot) if decode else _prefill(writer, spec, form)
        elif form.phase == "decode":
            past = _state(writer, number)
        hidden, kept = qwen.layer(number, hidden, positions, attend, past)
        present += [(f"present.{number}.{kind}", value) for kind, value in kept.items()]
    if form.part == "whole":
        writer.output(qwen.head(hidden), "logits")
    else:
        writer.output(hidden, "hidden_out")
    for name, value in present:
        writer.output(value, name)
    return writer.model()


def _state(writer: Writer, number: int) -> Past:
    return lambda kind, shape: writer.input(f"past.{number}.{kind}", shape)


def save_graph(graph: ir.Model, path: Path, *, one_file: bool = True) -> None:
    """Write ``graph``; without ``one_file`` the weights go into a file beside it.

    Raises:
        GraphTooLargeError: One protobuf file cannot hold it.
    """
    if one_file:
        check_size(graph)
    ir.save(graph, path, external_data=None if one_file else f"{path.name}.data")


def check_size(graph: ir.Model) -> None:
    """Raise :class:`GraphTooLargeError` if one protobuf file cannot hold ``graph``, without making weights."""
    size = sum(value.const_value.nbytes for value in graph.graph.initializers.values() if value.const_value is not None)
    if size > PROTOBUF_LIMIT_BYTES - 10**6:
        raise GraphTooLargeError(
            f"the graph {graph.graph.name} has {size / 1e9:.2f} GB of float32 weights and one ONNX file holds 2.15 GB; "
            "use a smaller model"
        )


def _positions(w: Writer, spec: ModelSpec, form: Form) -> Positions:
    width = rotary_width(spec)
    if form.phase == "prefill":
        tokens, table = form.tokens, (1, 1, form.tokens, width)
        cos = w.deferred("cos", table, lambda: rotary_tables(spec, np.arange(tokens))[0])
        sin = w.deferred("sin", table, lambda: rotary_tables(spec, np.arange(tokens))[1])
        mask = w.deferred(
            "mask",
            (1, 1, tokens, tokens),
            lambda: np.triu(np.full((tokens, tokens), LOWEST, np.float32), 1)[None, None],
        )
        return Positions(cos, sin, mask)
    cos, sin = (w.input(name, (1, 1, 1, width)) for name in ("cos", "sin"))
    context = form.past_tokens + (form.cache == "rows")
    mask = w.input("mask", (1, 1, 1, context))
    slot = w.input("slot", (1, 1, form.past_tokens, 1), ir.DataType.BOOL) if form.cache == "buffer" else None
    return Positions(cos, sin, mask, slot)


def _prefill(w: Writer, spec: ModelSpec, form: Form) -> Attend:
    """Attend to the prompt itself; a buffer is filled up with zeros."""

    def attend(key: ir.Value, value: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value, int]:
        if form.cache == "rows":
            return key, value, key, value, form.tokens
        room = form.past_tokens - form.tokens
        zeros = w.constant("empty_cache", np.zeros((form.batch, spec.kv_heads, room, spec.head_dim), np.float32))
        shape = (form.batch, spec.kv_heads, form.past_tokens, spec.head_dim)
        kept = [w.op("Concat", [new, zeros], shape, axis=2) for new in (key, value)]
        return key, value, kept[0], kept[1], form.tokens

    return attend


def _decode(w: Writer, spec: ModelSpec, form: Form, number: int, slot: ir.Value | None) -> Attend:
    past_shape = (form.batch, spec.kv_heads, form.past_tokens, spec.head_dim)
    past = [w.input(f"past.{number}.{kind}", past_shape) for kind in ("key", "value")]

    def attend(key: ir.Value, value: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value, int]:
        if slot is None:
            context = form.past_tokens + 1
            shape = (form.batch, spec.kv_heads, context, spec.head_dim)
            both = [w.op("Concat", [old, new], shape, axis=2) for old, new in zip(past, (key, value), strict=True)]
            return both[0], both[1], key, value, context
        both = [w.op("Where", [slot, new, old], past_shape) for old, new in zip(past, (key, value), strict=True)]
        return both[0], both[1], both[0], both[1], form.past_tokens

    return attend
