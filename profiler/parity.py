"""The parity gate: did a target compute the same thing as the float32 reference, on the same tokens?

Thresholds per precision stand here and nowhere else. They were set from measurements on Qwen2.5-0.5B and Qwen3-0.6B
with synthetic weights (uniform, therefore harder to quantise than trained ones), with room for other kernels, and so
that structural faults fail: a wrong norm weight, rotary base or dropped query norm exceeds even the int4 limits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from profiler.record import ParityScore


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of one precision; all three must hold."""

    top1_agreement_min: float
    kl_mean_max: float
    """nats"""
    max_abs_logit_error_max: float


THRESHOLDS: dict[str, Thresholds] = {
    "float32": Thresholds(0.99, 1e-4, 0.05),
    "float16": Thresholds(0.85, 0.01, 0.5),
    "bfloat16": Thresholds(0.75, 0.03, 1.5),
    "int8": Thresholds(0.75, 0.03, 1.5),
    "int4": Thresholds(0.25, 0.6, 5.0),
}


def scored_positions(output_tokens: int, batch: int) -> tuple[int, ...]:
    """Output positions to score: the first (prefill), the last, and even steps between, within the first 64.

    At most 32 a row, fewer for a batch, so that reference logits (600 kB a position) stay small.
    """
    last = min(output_tokens, 64) - 1
    count = min(last + 1, max(4, 32 // batch))
    return tuple(sorted({round(step * last / max(1, count - 1)) for step in range(count)}))


def score(
    logits: np.ndarray,
    reference: np.ndarray,
    precision: str,
    generated: tuple[int, ...],
    expected: tuple[int, ...],
) -> ParityScore:
    """Compare float32 ``[batch, positions, vocab_size]`` logits with the reference's.

    ``generated`` and ``expected`` are row 0's free-running tokens, for the length of their common prefix.
    """
    limits = THRESHOLDS[precision]
    finite = np.isfinite(logits).all(axis=-1)
    error = np.abs(np.where(np.isfinite(logits), logits, np.inf) - reference).max(axis=-1)
    top1 = (logits.argmax(-1) == reference.argmax(-1)) & finite
    kl = np.where(finite, _kl(reference, np.nan_to_num(logits)), np.inf)
    agreement, kl_mean, worst = float(top1.mean()), float(kl.mean()), float(error.max())
    return ParityScore(
        positions=int(top1.size),
        top1_agreement=agreement,
        kl_mean=_finite(kl_mean),
        max_abs_logit_error=_finite(worst),
        passed=bool(
            agreement >= limits.top1_agreement_min
            and kl_mean <= limits.kl_mean_max
            and worst <= limits.max_abs_logit_error_max
        ),
        thresholds=asdict(limits),
        top1=tuple(bool(value) for value in top1.ravel()),
        kl=tuple(_finite(float(value)) for value in kl.ravel()),
        abs_logit_error=tuple(_finite(float(value)) for value in error.ravel()),
        greedy_prefix_tokens=next(
            (at for at, (a, b) in enumerate(zip(generated, expected, strict=False)) if a != b),
            min(len(generated), len(expected)),
        ),
    )


def _kl(reference: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """KL(reference || target) in nats per position, in float64; rounding below zero is cut off."""
    p = _log_softmax(reference)
    q = _log_softmax(logits)
    return np.maximum(0.0, (np.exp(p) * (p - q)).sum(axis=-1))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _finite(value: float) -> float:
    """JSON has no infinity: the largest double stands for a logit that was not a number."""
    return value if np.isfinite(value) else float(np.finfo(np.float64).max)
