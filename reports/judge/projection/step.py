"""The time and memory model, term by term, before any efficiency is known.

A request of ``B`` sequences takes a prefill and ``O`` decode steps. With all efficiencies at 1::

    prefill = B x projection FLOPs / peak  +  B x attention FLOPs / peak  +  weight bytes / bandwidth
              + layers x launch overhead of a prefill
    step    = weight bytes / bandwidth  +  KV bytes / bandwidth  +  B x FLOPs / peak
              + layers x launch overhead  +  layers x synchronisation (tensor parallel only)

Serving adds the engine's own work: a time per request admitted and per token scheduled and handed out. Each term is
divided by an efficiency, or multiplied by an overhead in seconds, that :mod:`.fitting` finds. Where the host launches
kernels one by one, ahead of the device, the slower of the two sets the pace: the step is the fourth-power mean of both
instead of their sum. Memory is weights + KV cache + activations + logits + a constant, in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.judge.projection.situation import Figure, Situation

Array = NDArray[np.float64]

TIME_TERMS = (
    "weights", "kv_cache", "prefill", "attention", "batch", "launch", "host_launch", "prefill_launch",
    "synchronisation", "per_token", "per_request",
)  # fmt: skip
MEMORY_TERMS = ("weight_bytes", "kv_bytes", "activation_bytes", "logit_bytes", "constant_bytes")
OVERLAP_POWER = 4.0
"""How sharply the slower of host and device wins where they overlap; infinity would be the maximum."""

_HOST = TIME_TERMS.index("host_launch")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one figure at efficiency 1: those that add up, and those of decode steps.

    ``overlapped`` says that among the decode terms the host's launches run beside the device's work.
    """

    added: Array
    decode: Array
    overlapped: bool


def terms(situation: Situation, figure: Figure) -> Terms:
    """The terms of ``figure``; seconds per unit of 1/efficiency, layers for overheads, bytes for memory."""
    if figure == "memory":
        return Terms(_memory(situation), np.zeros(len(MEMORY_TERMS)), False)
    nothing = np.zeros(len(TIME_TERMS))
    if figure == "prefill":
        return Terms(_prefill(situation, situation.batch), nothing, False)
    step = _step(situation, situation.sequences)
    if figure == "step":
        return Terms(nothing, step, not situation.captured)
    return Terms(_prefill(situation, situation.sequences), situation.output_tokens * step, not situation.captured)


def total(found: Terms, log_factors: Array) -> float:
    """Seconds or bytes, given the natural logarithm of each term's factor."""
    scaled = np.exp(log_factors)
    return float(found.added @ scaled + _decode(found, scaled))


def _decode(found: Terms, scaled: Array) -> float:
    parts = found.decode * scaled
    if not found.overlapped:
        return float(parts.sum())
    host = parts[_HOST]
    device = parts.sum() - host
    return float((host**OVERLAP_POWER + device**OVERLAP_POWER) ** (1 / OVERLAP_POWER))


def _roofs(s: Situation) -> tuple[float, float]:
    """Bandwidth and peak that work together on one layer; devices of a pipeline take turns."""
    together = s.devices if s.stack.parallel == "tensor" else 1
    assert s.device.bandwidth_b_s is not None and s.device.peak_flops is not None
    return together * s.device.bandwidth_b_s, together * s.device.peak_flops


def _prefill(s: Situation, sequences: float) -> Array:
    bandwidth, peak = _roofs(s)
    model, prompt = s.model, s.prompt_tokens
    projections = 2.0 * model.layers * model.layer_matmul * prompt + 2.0 * model.embedding
    attention = 4.0 * model.layers * model.attention_width * prompt * (prompt + 1) / 2
    return np.array([
        s.format.decode_bytes(model) / bandwidth,
        0.0,
        sequences * projections / peak,
        sequences * attention / peak,
        0.0,
        0.0,
        0.0,
        float(model.layers),
        0.0,
        0.0,
        sequences if s.batch > 1 else 0.0,
    ])  # fmt: skip


def _step(s: Situation, sequences: float) -> Array:
    bandwidth, peak = _roofs(s)
    model, context = s.model, s.mean_context
    repeated = model.attention_width / model.kv_width if s.stack.attention == "repeated" else 1.0
    flops = 2.0 * model.matmul + 4.0 * model.layers * model.attention_width * context
    return np.array([
        s.format.decode_bytes(model) / bandwidth,
        sequences * context * s.kv_bytes_per_token * repeated / bandwidth,
        0.0,
        0.0,
        sequences * flops / peak,
        float(model.layers) if s.captured else 0.0,
        0.0 if s.captured else float(model.layers),
        0.0,
        float(model.layers) if s.devices > 1 and s.stack.parallel == "tensor" else 0.0,
        sequences if s.batch > 1 else 0.0,
        0.0,
    ])  # fmt: skip


def _memory(s: Situation) -> Array:
    tokens = s.prompt_tokens + s.output_tokens
    logits = s.prompt_tokens if s.stack.logits == "all" else 1
    return np.array([
        s.format.weight_bytes(s.model),
        s.batch * tokens * s.kv_bytes_per_token,
        s.batch * s.prompt_tokens * s.model.hidden_size * 2.0,
        s.batch * logits * s.model.vocab_size * 4.0,
        float(s.devices) * 1e6,
    ])  # fmt: skip
