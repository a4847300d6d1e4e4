"""A decoder layer: a mixer, a channel, and how both are added to the residual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from backends.qwen.channels import Dense, Experts
from backends.qwen.mixers import Attention, DeltaNet
from backends.qwen.parts import Weight, norm
from backends.qwen.streams import HyperConnections, NGrams


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. ``ngrams`` feed it if it is one of theirs; ``number``, one-indexed, then says which."""

    mixer: Attention | DeltaNet
    channel: Dense | Experts
    streams: HyperConnections | None = None
    ngrams: NGrams | None = None
    number: int = 0

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Every tensor of the layer."""
        yield from self.mixer.weights(prefix, hidden)
        yield from self.channel.weights(prefix, hidden)
        if self.streams is None:
            yield from norm(f"{prefix}input_layernorm", hidden)
            yield from norm(f"{prefix}post_attention_layernorm", hidden)
            return
        if self.ngrams:
            yield from self.ngrams.weights(prefix, self.number, hidden, self.streams.count)
        yield from self.streams.around(f"{prefix}attn_hyper_connection", hidden)
        yield from self.streams.around(f"{prefix}mlp_hyper_connection", hidden)

    def decode_flops(self, context_tokens: float) -> float:
        """Operations of one token beyond two for each weight."""
        return self.mixer.decode_flops(context_tokens) + self.channel.decode_flops(context_tokens)

    def prefill_flops(self, tokens: int) -> float:
        """The same for a prompt."""
        return self.mixer.prefill_flops(tokens) + self.channel.prefill_flops(tokens)

    def state_bytes(self, hidden: int, cache_bits: int) -> int:
        """Recurrent state of one sequence: the mixer's, and the inputs that an n-gram convolution keeps."""
        state = self.mixer.state_bytes(cache_bits)
        if self.ngrams and self.streams:
            state += self.ngrams.state_elements(hidden, self.streams.count) * cache_bits // 8
        return state


@cache
def layer_weights(layer: Layer, hidden: int) -> tuple[Weight, ...]:
    """The tensors of a layer without a prefix; layers that are alike share them."""
    return tuple(layer.weights("", hidden))
