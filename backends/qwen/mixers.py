"""What mixes the tokens of a sequence: softmax attention with a growing cache, or Gated DeltaNet with a fixed state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.qwen.parts import Stateless, Weight, linear, norm

CHUNK_TOKENS = 64
"""Tokens of a chunk in transformers' prefill of Gated DeltaNet."""

STATE_BYTES = 4
"""The recurrent state is float32, whatever the weights are (``mamba_ssm_dtype``)."""


@dataclass(frozen=True, slots=True)
class Indexer(Stateless):
    """Chooses the blocks of tokens that sparse attention reads (QSA of ``qwen4_exp``).

    Keys of ``compress_ratio`` consecutive tokens are pooled to one. A query reads the ``budget`` tokens whose pooled
    keys score highest, and the block that is not complete yet.
    """

    heads: int
    kv_heads: int
    head_dim: int
    budget: int
    compress_ratio: int

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Query and key projection in one, then their norms."""
        yield from linear(f"{prefix}index_qk_proj", (self.heads + self.kv_heads) * self.head_dim, hidden)
        yield from norm(f"{prefix}q_layernorm", self.head_dim)
        yield from norm(f"{prefix}k_layernorm", self.head_dim)

    def attended(self, context_tokens: float) -> float:
        """Tokens that attention reads of a context."""
        return min(context_tokens, self.budget + self.compress_ratio - 1)

    def scoring_flops(self, context_tokens: float) -> float:
        """Scores of one query against every pooled key."""
        return 2 * self.heads * self.head_dim * (context_tokens // self.compress_ratio)


@dataclass(frozen=True, slots=True)
class Attention:
    """Grouped-query attention; ``gated`` multiplies its output by a sigmoid of a second half of the query projection.

    ``window`` limits it to the last tokens, ``indexer`` to chosen ones.
    """

    heads: int
    kv_heads: int
    head_dim: int
    bias: bool = False
    qk_norm: bool = False
    gated: bool = False
    window: int | None = None
    indexer: Indexer | None = None

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Projections, biases, query and key norms, the indexer."""
        at = f"{prefix}self_attn."
        query, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        yield from linear(f"{at}q_proj", 2 * query if self.gated else query, hidden, bias=self.bias)
        yield from linear(f"{at}k_proj", kv, hidden, bias=self.bias)
        yield from linear(f"{at}v_proj", kv, hidden, bias=self.bias)
        yield from linear(f"{at}o_proj", hidden, query)
        if self.qk_norm:
            yield from norm(f"{at}q_norm", self.head_dim)
            yield from norm(f"{at}k_norm", self.head_dim)
        if self.indexer:
            yield from self.indexer.weights(f"{at}indexer.", hidden)

    def attended(self, context_tokens: float) -> float:
        """Tokens of the context whose keys and values one query reads."""
        if self.indexer:
            return self.indexer.attended(context_tokens)
        return context_tokens if self.window is None else min(context_tokens, self.window)

    def decode_flops(self, context_tokens: float) -> float:
        """Scores and weighted sum, and the indexer's scores."""
        scores = 4 * self.heads * self.head_dim * self.attended(context_tokens)
        return scores + (self.indexer.scoring_flops(context_tokens) if self.indexer else 0)

    def prefill_flops(self, tokens: int) -> float:
        """Counted causally: token ``i`` attends to ``i + 1`` tokens at most."""
        if self.window is None and not self.indexer:
            return 4 * self.heads * self.head_dim * (tokens * (tokens + 1) // 2)
        return sum(self.decode_flops(position + 1) for position in range(tokens))

    def cache_elements_per_token(self) -> int:
        """Key and value of each KV head; the indexer's raw key."""
        pooled = self.indexer.kv_heads * self.indexer.head_dim if self.indexer else 0
        return 2 * self.kv_heads * self.head_dim + pooled

    def state_bytes(self, cache_bits: int) -> int:
        """None: the cache grows with the context instead."""
        return 0


@dataclass(frozen=True, slots=True)
class DeltaNet:
    """Gated DeltaNet: a recurrence over a state ``[value_heads, key_dim, value_dim]``, behind a short convolution.

    ``fused`` is the layout of Qwen3-Next (``in_proj_qkvz``, ``in_proj_ba``); later models split the projections.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    taps: int
    fused: bool = False

    @property
    def channels(self) -> int:
        """Width of the convolution: queries, keys and values."""
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Decay, convolution, projections and the gated norm."""
        at = f"{prefix}linear_attn."
        values = self.value_heads * self.value_dim
        yield Weight(f"{at}dt_bias", (self.value_heads,), "vector")
        yield Weight(f"{at}A_log", (self.value_heads,), "vector")
        yield Weight(f"{at}conv1d.weight", (self.channels, 1, self.taps), "vector")
        if self.fused:
            yield from linear(f"{at}in_proj_qkvz", self.channels + values, hidden)
            yield from linear(f"{at}in_proj_ba", 2 * self.value_heads, hidden, role="gate")
        yield from norm(f"{at}norm", self.value_dim)
        yield from linear(f"{at}out_proj", hidden, values)
        if not self.fused:
            yield from linear(f"{at}in_proj_qkv", self.channels, hidden)
            yield from linear(f"{at}in_proj_z", values, hidden)
            yield from linear(f"{at}in_proj_b", self.value_heads, hidden, role="gate")
            yield from linear(f"{at}in_proj_a", self.value_heads, hidden, role="gate")

    def decode_flops(self, context_tokens: float) -> float:
        """Decay the state (1 an element), read it by the key (2), write it (2), read it by the query (2).

        The context does not enter.
        """
        return 7 * self.value_heads * self.key_dim * self.value_dim

    def prefill_flops(self, tokens: int) -> float:
        """In chunks: three products with the state, and within a chunk five of full squares (an estimate)."""
        key, value = self.key_dim, self.value_dim
        return tokens * self.value_heads * (6 * key * value + CHUNK_TOKENS * (6 * key + 4 * value))

    def cache_elements_per_token(self) -> int:
        """Nothing grows with the context."""
        return 0

    def state_bytes(self, cache_bits: int) -> int:
        """The recurrent state in float32, and the convolution's last inputs in the cache's precision."""
        recurrent = self.value_heads * self.key_dim * self.value_dim * STATE_BYTES
        return recurrent + self.channels * (self.taps - 1) * cache_bits // 8
