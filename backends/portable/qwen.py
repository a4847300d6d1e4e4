"""Qwen decoders in standard ONNX operators, in the form that transformers' classes have when PyTorch exports them.

That form matters: vendor compilers recognise RMSNorm, rotary embedding and attention by their pattern of nodes, and
one of them (nncase 2.11.0) recognises wrongly. A chip is judged by what it makes of the usual form; a compiler that
needs another gets it by a named rewrite (:mod:`backends.portable.rewrites`). What transformers computes with loops over
tensors' values, experts and DeltaNet, has a form without: see :mod:`backends.portable.experts` and
:mod:`backends.portable.deltanet`.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from backends.portable.attention import Attend, AttentionWriter, Positions
from backends.portable.blocks import Blocks, Weights
from backends.portable.deltanet import DeltaNetWriter
from backends.portable.experts import ExpertsWriter
from backends.portable.writer import Writer
from backends.qwen.channels import Experts
from backends.qwen.mixers import DeltaNet
from backends.qwen.model import ModelSpec

Past = Callable[[str, tuple[int, ...]], ir.Value]
"""From the kind of a cache (``conv``, ``recurrent``) and its shape to the graph's input for it."""


class QwenWriter:
    """Adds the parts of a Qwen decoder to a graph; hidden states are ``[batch, tokens, hidden_size]``."""

    def __init__(self, writer: Writer, spec: ModelSpec, weights: Weights, batch: int, tokens: int) -> None:
        self.writer, self.spec = writer, spec
        self._blocks = Blocks(writer, spec, weights, batch, tokens)
        self._at = spec.family.language_prefix

    def embedding(self, token_ids: ir.Value) -> ir.Value:
        """Rows of the embedding."""
        b = self._blocks
        table = b.weight(f"{self._at}embed_tokens.weight")
        shape = (b.batch, b.tokens, self.spec.hidden_size)
        return self.writer.scope("model", "embed_tokens").op("Gather", [table, token_ids], shape, axis=0)

    def head(self, hidden: ir.Value) -> ir.Value:
        """Logits of the last token, ``[batch, 1, vocab_size]``."""
        w, b, spec = self.writer, self._blocks, self.spec
        if b.tokens > 1:
            w.scope("model")
            bounds = [w.ints(b.tokens - 1), w.ints(b.tokens), w.ints(1)]
            hidden = w.op("Slice", [hidden, *bounds], (b.batch, 1, spec.hidden_size), "last_token")
        w.scope("model", "norm")
        hidden = b.rms_norm(hidden, b.norm_weight(f"{self._at}norm.weight"), (b.batch, 1, spec.hidden_size))
        name = f"{self._at}embed_tokens.weight" if spec.tied_embeddings else "lm_head.weight"
        matrix = b.transposed(name, "lm_head.matrix")
        return w.scope("lm_head").op("MatMul", [hidden, matrix], (b.batch, 1, spec.vocab_size))

    def layer(
        self, number: int, hidden: ir.Value, positions: Positions | None, attend: Attend | None, past: Past | None
    ) -> tuple[ir.Value, dict[str, ir.Value]]:
        """One decoder layer: hidden states, and by its kind what the next step needs.

        Attention needs ``positions`` and ``attend``; Gated DeltaNet takes its ``past``, or starts from nothing.
        """
        w, b = self.writer, self._blocks
        wide, at = (b.batch, b.tokens, self.spec.hidden_size), ("model", f"layers.{number}")
        prefix, layer = f"{self._at}layers.{number}.", self.spec.layer(number)
        w.scope(*at, "input_layernorm")
        normed = b.rms_norm(hidden, b.norm_weight(f"{prefix}input_layernorm.weight"), wide)
        if isinstance(layer.mixer, DeltaNet):
            mixed, kept = self._delta(at, prefix, normed, layer.mixer, past)
        else:
            assert positions is not None and attend is not None
            w.scope(*at, "self_attn")
            mixed, keys, values = AttentionWriter(b).write(f"{prefix}self_attn.", normed, positions, attend)
            kept = {"key": keys, "value": values}
        w.scope(*at)
        hidden = w.op("Add", [hidden, mixed], wide)
        w.scope(*at, "post_attention_layernorm")
        normed = b.rms_norm(hidden, b.norm_weight(f"{prefix}post_attention_layernorm.weight"), wide)
        w.scope(*at, "mlp")
        if isinstance(layer.channel, Experts):
            out = ExpertsWriter(b, layer.channel).write((*at, "mlp"), f"{prefix}mlp.", normed)
        else:
            out = b.swiglu(normed, f"{prefix}mlp.", layer.channel.width)
        w.scope(*at)
        return w.op("Add", [hidden, out], wide), kept

    def _delta(
        self, at: tuple[str, ...], prefix: str, normed: ir.Value, delta: DeltaNet, past: Past | None
    ) -> tuple[ir.Value, dict[str, ir.Value]]:
        inputs = None
        if past is not None:
            batch = self._blocks.batch
            state = (batch, delta.value_heads, delta.key_dim, delta.value_dim)
            inputs = (past("conv", (batch, delta.channels, delta.taps - 1)), past("recurrent", state))
        scope = (*at, "linear_attn")
        self.writer.scope(*scope)
        writer = DeltaNetWriter(self._blocks, delta)
        mixed, conv, recurrent = writer.write(scope, f"{prefix}linear_attn.", normed, inputs)
        return mixed, {"conv": conv, "recurrent": recurrent}
