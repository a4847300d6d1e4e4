"""The operations and bytes a phase cannot do without, from the dimensions of the model alone.

One pass is one prefill of all sequences, or one decode step of all sequences. What an engine does beyond that is its
own affair, and shows as a lower utilisation. Counted as in :mod:`backends.qwen.model`: two operations per multiply-add;
attention causally; logits of the last position only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from backends.qwen.images import Image
from backends.qwen.mixers import CHUNK_TOKENS
from backends.qwen.model import ModelSpec

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = ("prefill", "decode")


@dataclass(frozen=True, slots=True)
class PhaseWork:
    """What one pass of a phase needs.

    ``tokens`` are those its throughput counts: all prompt tokens in prefill, one per sequence in decode. ``flops`` by
    ``projections``, ``attention`` (whatever mixes tokens), ``logits``; ``bytes_moved`` by ``weights``, ``kv_cache`` and
    the recurrent ``state`` of models that have one. A picture adds ``vision_tower`` to both.
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


def prefill_work(
    spec: ModelSpec, precision: str, cache_precision: str, prompt_tokens: int, batch: int,
    *, step_weight_bytes: float | None = None,
) -> PhaseWork:  # fmt: skip
    """One prefill of ``batch`` prompts: weights read once, every token's keys and values written once.

    Of experts, those that the prompt's tokens touch under uniform routing. A recurrent state is read and written once
    for each chunk of tokens.
    """
    tokens = batch * prompt_tokens
    weights = spec.decode_weight_bytes(precision, tokens) if step_weight_bytes is None else step_weight_bytes
    mixing = batch * sum(layer.prefill_flops(prompt_tokens) for layer in spec.all_layers())
    moved = {"weights": weights, "kv_cache": float(tokens * spec.kv_bytes_per_token(cache_precision))}
    if state := spec.state_bytes(cache_precision):
        moved["state"] = 2.0 * state * batch * math.ceil(prompt_tokens / CHUNK_TOKENS)
    return PhaseWork("prefill", tokens, _flops(spec, tokens, mixing, batch), moved)


def with_image(work: PhaseWork, spec: ModelSpec, precision: str, image: Image, batch: int) -> PhaseWork:
    """Return a prefill with the vision tower before it: its operations, and its weights read once."""
    flops = {**work.flops, "vision_tower": float(batch * spec.image_flops(image.height, image.width))}
    return replace(work, flops=flops, bytes_moved={**work.bytes_moved, "vision_tower": spec.tower_bytes(precision)})


def decode_work(
    spec: ModelSpec, precision: str, cache_precision: str, context_tokens: float, batch: int,
    *, step_weight_bytes: float | None = None,
) -> PhaseWork:  # fmt: skip
    """One decode step of ``batch`` sequences of ``context_tokens`` each: weights once, every cache read once.

    Of experts, those that ``batch`` tokens touch under uniform routing; a recurrent state is read and written.
    ``step_weight_bytes`` are those of an engine's own format, where it reports them.
    """
    weights = spec.decode_weight_bytes(precision, batch) if step_weight_bytes is None else step_weight_bytes
    mixing = batch * sum(layer.decode_flops(context_tokens) for layer in spec.all_layers())
    moved = {"weights": weights, "kv_cache": spec.kv_bytes_per_token(cache_precision) * context_tokens * batch}
    if state := spec.state_bytes(cache_precision):
        moved["state"] = 2.0 * state * batch
    return PhaseWork("decode", batch, _flops(spec, batch, mixing, batch), moved)


def _flops(spec: ModelSpec, tokens: int, mixing: float, batch: int) -> dict[str, float]:
    inner = spec.matmul_parameters - spec.embedding_parameters
    return {
        "projections": 2.0 * inner * tokens,
        "attention": float(mixing),
        "logits": 2.0 * spec.embedding_parameters * batch,
    }
