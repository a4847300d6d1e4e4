"""Qwen2 and Qwen3 for an accelerator: joined projections, a static KV cache, one function a layer.

The same arithmetic as transformers' classes (which give the reference), laid out so that a step can be recorded as one
graph: every tensor keeps its address, and nothing depends on a value the host would have to read. The sum of a layer's
input and output is left to the next layer's first function, so that a compiler can join it with the norm there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import nn
from torch.nn.functional import embedding, rms_norm, silu

from backends.qwen.model import ModelSpec
from backends.torch_device.attention import DecodeAttention, causal_attention

Pair = tuple[torch.Tensor, torch.Tensor]
"""Two tensors that belong together: cosine and sine, or the residual stream and what is still to be added to it."""


class DecoderLayer(nn.Module):
    """One layer and its cache ``[batch, capacity, kv_heads, head_dim]``, made by :meth:`Decoder.allocate`."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, spec: ModelSpec, *, grouped_prefill: bool) -> None:
        super().__init__()
        self._heads = (spec.attention_heads, spec.kv_heads, spec.kv_heads)
        self._width = spec.head_dim
        self._eps = spec.rms_norm_eps
        self._grouped = grouped_prefill
        biased = spec.architecture == "qwen2"
        self.qkv = nn.Linear(spec.hidden_size, spec.attention_width + 2 * spec.kv_width, bias=biased)
        self.o = nn.Linear(spec.attention_width, spec.hidden_size, bias=False)
        self.gate_up = nn.Linear(spec.hidden_size, 2 * spec.intermediate_size, bias=False)
        self.down = nn.Linear(spec.intermediate_size, spec.hidden_size, bias=False)
        self.input_norm = nn.Parameter(torch.empty(spec.hidden_size))
        self.post_norm = nn.Parameter(torch.empty(spec.hidden_size))
        self.q_norm = None if biased else nn.Parameter(torch.empty(spec.head_dim))
        self.k_norm = None if biased else nn.Parameter(torch.empty(spec.head_dim))

    def prefill(self, stream: Pair, rotation: Pair, keys: torch.Tensor, values: torch.Tensor) -> Pair:
        """Run a prompt into ``keys`` and ``values``, views of the cache: ``[rows, tokens, kv_heads, head_dim]``."""
        hidden = stream[0] + stream[1]
        q, k, v = self._project(hidden, rotation)
        keys.copy_(k)
        values.copy_(v)
        return self._finish(hidden, causal_attention(q, k, v, grouped=self._grouped))

    def step(
        self,
        stream: Pair,
        rotation: Pair,
        position: torch.Tensor,
        attend: DecodeAttention,
        reach: tuple[torch.Tensor, ...],
    ) -> Pair:
        """Run one token and write it into the cache at ``position`` (int64 ``[1]``)."""
        hidden = stream[0] + stream[1]
        q, k, v = self._project(hidden, rotation)
        self.keys.index_copy_(1, position, k)
        self.values.index_copy_(1, position, v)
        return self._finish(hidden, attend(q, self.keys, self.values, *reach))

    def _project(self, hidden: torch.Tensor, rotation: Pair) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        batch, tokens, _ = hidden.shape
        joined = self.qkv(rms_norm(hidden, (hidden.shape[-1],), self.input_norm, self._eps))
        heads = joined.view(batch, tokens, -1, self._width).split(self._heads, dim=2)
        q, k, v = heads
        if self.q_norm is not None and self.k_norm is not None:
            q = rms_norm(q, (self._width,), self.q_norm, self._eps)
            k = rms_norm(k, (self._width,), self.k_norm, self._eps)
        return rotate(q, rotation), rotate(k, rotation), v

    def _finish(self, hidden: torch.Tensor, mixed: torch.Tensor) -> Pair:
        hidden = hidden + self.o(mixed)
        gate, up = self.gate_up(rms_norm(hidden, (hidden.shape[-1],), self.post_norm, self._eps)).chunk(2, dim=-1)
        return hidden, self.down(silu(gate) * up)


class Decoder(nn.Module):
    """The whole model. Callers pass a layer's functions, which a compiler may have replaced."""

    def __init__(self, spec: ModelSpec, *, grouped_prefill: bool) -> None:
        super().__init__()
        self.spec = spec
        self.embedding = nn.Parameter(torch.empty(spec.vocab_size, spec.hidden_size))
        self.layers = nn.ModuleList(DecoderLayer(spec, grouped_prefill=grouped_prefill) for _ in range(spec.layers))
        self.final_norm = nn.Parameter(torch.empty(spec.hidden_size))
        self.head = nn.Linear(spec.hidden_size, spec.vocab_size, bias=False)

    def stack(self) -> Iterator[DecoderLayer]:
        """Return the layers in order."""
        return cast("Iterator[DecoderLayer]", iter(self.layers))

    def allocate(self, batch: int, capacity: int) -> None:
        """Make the KV cache and the rotary tables for ``capacity`` positions, where the weights are."""
        like = self.final_norm
        shape = (batch, capacity, self.spec.kv_heads, self.spec.head_dim)
        for layer in self.stack():
            layer.keys, layer.values = like.new_zeros(shape), like.new_zeros(shape)
        self.rotary = rotary_tables(self.spec, capacity, like.dtype, like.device)

    def prefill(self, prompt: torch.Tensor, rows: slice, layer_function: Callable[..., Pair]) -> Pair:
        """Run int64 ``[rows, tokens]``, the given ``rows`` of the batch; return the stream of the last token only."""
        tokens = prompt.shape[1]
        stream = self._embed(prompt)
        rotation = (self.rotary[0][:tokens], self.rotary[1][:tokens])
        for layer in self.stack():
            stream = layer_function(layer, stream, rotation, layer.keys[rows, :tokens], layer.values[rows, :tokens])
        return stream[0][:, -1:], stream[1][:, -1:]

    def step(
        self,
        tokens: torch.Tensor,
        position: torch.Tensor,
        extent: int,
        attend: DecodeAttention,
        layer_function: Callable[..., Pair],
    ) -> Pair:
        """Run ``tokens`` (int64 ``[batch]``) at ``position``; they read at most ``extent`` places of the cache."""
        stream = self._embed(tokens[:, None])
        rotation = (self.rotary[0].index_select(0, position), self.rotary[1].index_select(0, position))
        reach = attend.reach(position, extent)
        for layer in self.stack():
            stream = layer_function(layer, stream, rotation, position, attend, reach)
        return stream

    def logits(self, stream: Pair) -> Pair:
        """Return logits ``[batch, vocab_size]`` of the last token, and the most likely token (int64 ``[batch]``)."""
        hidden = (stream[0] + stream[1])[:, -1]
        logits = self.head(rms_norm(hidden, (hidden.shape[-1],), self.final_norm, self.spec.rms_norm_eps))
        return logits, logits.argmax(-1)

    def _embed(self, tokens: torch.Tensor) -> Pair:
        hidden = embedding(tokens, self.embedding)
        return hidden, torch.zeros_like(hidden)


def rotary_tables(spec: ModelSpec, positions: int, dtype: torch.dtype, device: torch.device) -> Pair:
    """Return cosine and sine ``[positions, head_dim]``, computed in float32 as in transformers."""
    exponents = torch.arange(0, spec.head_dim, 2, dtype=torch.int64).to(torch.float32) / spec.head_dim
    frequencies = 1.0 / (spec.rope_theta**exponents)
    angles = torch.arange(positions, dtype=torch.float32)[:, None] * frequencies[None, :]
    both = torch.cat((angles, angles), dim=-1)
    return both.cos().to(device, dtype), both.sin().to(device, dtype)


def rotate(x: torch.Tensor, rotation: Pair) -> torch.Tensor:
    """Apply rotary embedding to ``[batch, tokens, heads, head_dim]`` by tables ``[tokens, head_dim]``."""
    cos, sin = (table[:, None, :] for table in rotation)
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin
