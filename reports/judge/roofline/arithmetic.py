"""The operations and bytes a phase cannot do without, from the dimensions of the model alone.

One pass is one prefill of all sequences, or one decode step of all sequences. What an engine does beyond that is its
own affair, and shows as a lower utilisation. Counted as in :mod:`backends.qwen.model`: two operations per multiply-add;
attention causally; logits of the last position only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from backends.qwen.model import BITS_PER_WEIGHT, QUANTISATION_BLOCK, ModelSpec

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = ("prefill", "decode")


@dataclass(frozen=True, slots=True)
class PhaseWork:
    """What one pass of a phase needs.

    ``tokens`` are those its throughput counts: all prompt tokens in prefill, one per sequence in decode. ``flops`` by
    ``projections``, ``attention``, ``logits``; ``bytes_moved`` by ``weights``, ``kv_cache``.
    """

    phase: Phase
    tokens: int
    flops: dict[str, float]
    bytes_moved: dict[str, float]

    @property
    def total_flops(self) -> float:
        """Operations of one pass."""
        return sum(self.flops.values())

    @property
    def total_bytes(self) -> float:
        """Bytes of one pass."""
        return sum(self.bytes_moved.values())

    @property
    def intensity_flop_per_byte(self) -> float:
        """Operations per byte: where the phase stands on a roofline."""
        return self.total_flops / self.total_bytes


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts: how many a layer has, how many one token uses, and the width of each."""

    count: int
    per_token: int
    intermediate_size: int

    def distinct(self, tokens: int) -> float:
        """Experts that ``tokens`` tokens are expected to use together, if the router spreads them evenly."""
        return self.count * (1.0 - (1.0 - self.per_token / self.count) ** tokens)


def experts_of(spec: Any) -> Experts | None:
    """The experts of a model whose spec has them (``experts``: count, per_token, intermediate_size); None if dense."""
    found = getattr(spec, "experts", None)
    return None if found is None else Experts(found.count, found.per_token, found.intermediate_size)


def prefill_work(
    spec: ModelSpec, precision: str, cache_precision: str, prompt_tokens: int, batch: int,
    *, step_weight_bytes: float | None = None,
) -> PhaseWork:  # fmt: skip
    """One prefill of ``batch`` prompts: weights read once, every token's keys and values written once."""
    tokens = batch * prompt_tokens
    pairs = batch * prompt_tokens * (prompt_tokens + 1) / 2
    weights = _weight_bytes(spec, precision, tokens) if step_weight_bytes is None else step_weight_bytes
    return PhaseWork(
        "prefill",
        tokens,
        {
            "projections": 2.0 * spec.layers * _active_parameters(spec) * tokens,
            "attention": 4.0 * spec.layers * spec.attention_width * pairs,
            "logits": 2.0 * spec.embedding_parameters * batch,
        },
        {"weights": weights, "kv_cache": float(tokens * spec.kv_bytes_per_token(cache_precision))},
    )


def decode_work(
    spec: ModelSpec, precision: str, cache_precision: str, context_tokens: float, batch: int,
    *, step_weight_bytes: float | None = None,
) -> PhaseWork:  # fmt: skip
    """One decode step of ``batch`` sequences of ``context_tokens`` each: weights once, every cache read once.

    ``step_weight_bytes`` are those of an engine's own format, where it tells them.
    """
    weights = _weight_bytes(spec, precision, batch) if step_weight_bytes is None else step_weight_bytes
    return PhaseWork(
        "decode",
        batch,
        {
            "projections": 2.0 * spec.layers * _active_parameters(spec) * batch,
            "attention": 4.0 * spec.layers * spec.attention_width * context_tokens * batch,
            "logits": 2.0 * spec.embedding_parameters * batch,
        },
        {"weights": weights, "kv_cache": spec.kv_bytes_per_token(cache_precision) * context_tokens * batch},
    )


def _active_parameters(spec: ModelSpec) -> float:
    """Matrix elements of one layer that a token multiplies with; of the experts, those it is routed to."""
    experts = experts_of(spec)
    if experts is None:
        return spec.layer_matmul_parameters
    return _attention_parameters(spec) + spec.hidden_size * (
        experts.count + 3 * experts.per_token * experts.intermediate_size
    )


def _weight_bytes(spec: ModelSpec, precision: str, tokens: int) -> float:
    """Weight bytes of one pass; of the experts, those that ``tokens`` tokens are expected to use."""
    experts = experts_of(spec)
    if experts is None:
        return spec.decode_weight_bytes(precision)
    per_layer = _attention_parameters(spec) + spec.hidden_size * (
        experts.count + 3 * experts.distinct(tokens) * experts.intermediate_size
    )
    matrices = spec.layers * per_layer + spec.embedding_parameters
    vectors = spec.layers * spec.layer_vector_parameters + spec.hidden_size
    if precision in ("int8", "int4"):
        return matrices * (BITS_PER_WEIGHT[precision] / 8 + 4 / QUANTISATION_BLOCK) + 4 * vectors
    return (matrices + vectors) * BITS_PER_WEIGHT[precision] / 8


def _attention_parameters(spec: ModelSpec) -> int:
    return spec.hidden_size * (2 * spec.attention_width + 2 * spec.kv_width)
