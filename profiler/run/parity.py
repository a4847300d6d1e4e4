"""The parity gate: did a target compute the same thing as the float32 reference, on the same tokens?

Thresholds per precision stand here and nowhere else. They leave a factor of a few above what correct engines showed on
Qwen3-0.6B with synthetic weights over 32 positions (mean KL, largest logit error): float32 1e-11 and 3e-5, bfloat16
0.002 and 0.34, int8 0.003 and 0.37, int4 0.26 and 4.0. For float8, whose activations are rounded to four bits of
significand too, the products were emulated on the processor: 0.088 and 2.1 over 24 positions. Every structural fault
tried (a skipped layer, a wrong rotary base, dropped query norms, ...) fails float32 and bfloat16. The subtlest, a
LayerNorm in place of the RMSNorm (KL 0.009 to 0.04), can pass int8; four-bit weights lose as much as several such
faults do, on synthetic weights (a uniform distribution is hard to quantise) more than on trained ones. A quantised pass
therefore says less than a float one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from profiler.records.target import ParityScore


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of one precision; all three must hold."""

    top1_agreement_min: float
    kl_mean_max: float
    """nats"""
    max_abs_logit_error_max: float


THRESHOLDS: dict[str, Thresholds] = {
    "float32": Thresholds(0.99, 1e-6, 0.01),
    "float16": Thresholds(0.95, 0.002, 0.3),
    "bfloat16": Thresholds(0.85, 0.01, 1.0),
    "int8": Thresholds(0.8, 0.015, 1.2),
    "float8": Thresholds(0.3, 0.25, 6.0),
    "int4": Thresholds(0.35, 0.5, 7.0),
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
