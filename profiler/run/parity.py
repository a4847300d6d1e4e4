"""The parity gate: did a target compute the same thing as the float32 reference, on the same tokens?

Two things are judged apart where weights are quantised. *Arithmetic*: the target against a second float32 reference
that computes with the target's own dequantised weights, within the tight limits of :data:`ARITHMETIC`; this alone
decides. *Quantisation loss*: the target against the model's own weights; it is reported, and decides nothing. The
dequantised weights themselves must be the model's within the rounding of their format, or a wrong scale in a file would
be in both sides of the first comparison.

Where the weights are the model's own, both are one: :data:`THRESHOLDS` of float32, bfloat16 and float16. Where an
engine hides its quantised weights, those of int8, int4 and float8 leave so much room for rounding that they miss
faults, and the record says that these judged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from profiler.records.parity import ArithmeticScore, ParityScore

MODEL_TYPES = ("float32", "float16", "bfloat16")
"""Precisions that hold the model's own values: rounding to them is a type's, not a format's with scales."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of one precision; all three must hold."""

    top1_agreement_min: float
    kl_mean_max: float
    """nats"""
    max_abs_logit_error_max: float


@dataclass(frozen=True, slots=True)
class ArithmeticLimits:
    """Limits of one arithmetic; all must hold, and the error of the weights that their format sets.

    The median judges where single positions may differ for a reason: one expert of a mixture chosen otherwise.
    """

    top1_agreement_min: float
    kl_mean_max: float
    """nats"""
    kl_median_max: float
    """nats"""
    max_abs_logit_error_max: float


@dataclass(frozen=True, slots=True)
class HeldReference:
    """What the second reference gave: logits as :func:`score` takes them, and the weights' error with its limit."""

    logits: np.ndarray
    weight_error: float
    weight_error_max: float


THRESHOLDS: dict[str, Thresholds] = {
    "float32": Thresholds(0.99, 1e-6, 0.01),
    "float16": Thresholds(0.95, 0.002, 0.3),
    "bfloat16": Thresholds(0.85, 0.01, 1.0),
    "int8": Thresholds(0.8, 0.015, 1.2),
    "float8": Thresholds(0.3, 0.25, 6.0),
    "int4": Thresholds(0.35, 0.5, 7.0),
}


"""Against the model's own weights. A factor of a few above what correct engines showed on Qwen3-0.6B with synthetic
weights over 32 positions (mean KL, largest logit error): float32 1e-11 and 3e-5, bfloat16 0.002 and 0.34, int8 0.003
and 0.37, int4 0.26 and 4.0, float8 (emulated) 0.088 and 2.1."""

ARITHMETIC: dict[str, ArithmeticLimits] = {
    "int8": ArithmeticLimits(0.75, 0.005, 0.004, 1.2),
    "bfloat16": ArithmeticLimits(0.85, 0.01, 0.01, 1.0),
    "float8_e4m3fn": ArithmeticLimits(0.4, 0.09, 0.09, 3.0),
}
"""Against the target's own dequantised weights, by the arithmetic of its products.

Healthy engines showed, as mean KL and largest logit error: int8 activations per block of 32 (MatMulNBits at accuracy
level 4) 0.0006 to 0.0016 and 0.38 on three-layer models, 0.0016 and 0.30 on Qwen3-0.6B; bfloat16 under int4 weights
0.0002 and 0.09. A column of scales twofold, a LayerNorm for the RMSNorm or a rotary position off by one gave 0.035 to
0.8, the loss of one cache row in one layer of Qwen3-0.6B 0.007. float8 activations were emulated on the processor:
0.009 to 0.023 and 1.3, faults above 0.1. On 28 layers they may cost half of the 0.088 that float8 lost in all, as much
as a LayerNorm does: float8 can still miss that fault in a deep model."""

MIXTURES: dict[str, ArithmeticLimits] = {
    "int8": ArithmeticLimits(0.6, 0.5, 0.015, 8.0),
}
"""The same for mixtures: where two experts are nearly equal, rounded activations may choose the other one.

On mixtures of eight tiny experts single positions moved the mean KL of healthy engines to 0.2, their median never above
0.006; every fault brought the median to 0.14 or more."""


RECURRENT: dict[str, ArithmeticLimits] = {
    "int8": ArithmeticLimits(0.7, 0.03, 0.025, 2.0),
}
"""The same for layers with a recurrent state (Gated DeltaNet), which carries what was rounded from token to token.

Four-layer models: 0.006 to 0.01 and 0.73; eight layers of Qwen3.5-0.8B 0.005. A skipped layer or a LayerNorm gave 1 and
more, but a rotary position off by one 0.01 to 0.03: attention is one layer in four. These limits miss that."""

RECURRENT_MIXTURES: dict[str, ArithmeticLimits] = {
    "int8": ArithmeticLimits(0.5, 1.0, 0.2, 12.0),
}
"""The same for both together: medians of healthy engines up to 0.065, of faults 1.4 and more."""


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
    top1, kl, error = _readings(logits, reference)
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
        **_lists(top1, kl, error),
        greedy_prefix_tokens=next(
            (at for at, (a, b) in enumerate(zip(generated, expected, strict=False)) if a != b),
            min(len(generated), len(expected)),
        ),
    )


def read_held(path: str | None) -> HeldReference | None:
    """Return what the second reference's file holds; None without a path."""
    if path is None:
        return None
    with np.load(path) as file:
        return HeldReference(file["logits"], float(file["weight_error"]), float(file["weight_error_max"]))


def judge(
    loss: ParityScore, logits: np.ndarray, precision: str, held: HeldReference | None, arithmetic: str, *,
    mixture: bool = False, recurrent: bool = False, hidden_reason: str = "",
) -> ParityScore:  # fmt: skip
    """Return the ``loss`` against the model's weights with the judgement of the arithmetic, which decides.

    ``arithmetic`` is that of the target's matrix products (:meth:`ExecutionPath.arithmetic`).
    """
    if precision in MODEL_TYPES:
        return replace(loss, weights="same")
    if held is None:
        return replace(loss, weights="hidden", hidden_reason=hidden_reason)
    special = {(True, False): MIXTURES, (False, True): RECURRENT, (True, True): RECURRENT_MIXTURES}
    limits = special.get((mixture, recurrent), ARITHMETIC).get(arithmetic) or ARITHMETIC.get(arithmetic)
    if limits is None:
        return replace(loss, weights="hidden", hidden_reason=f"no limits are known for {arithmetic} products")
    alone = _arithmetic(logits, held, limits)
    return replace(loss, weights="dequantised", arithmetic=alone, passed=alone.passed, thresholds={})


def _arithmetic(logits: np.ndarray, held: HeldReference, limits: ArithmeticLimits) -> ArithmeticScore:
    top1, kl, error = _readings(logits, held.logits)
    alone = ArithmeticScore(
        top1_agreement=float(top1.mean()),
        kl_mean=_finite(float(kl.mean())),
        kl_median=_finite(float(np.median(kl))),
        max_abs_logit_error=_finite(float(error.max())),
        weight_error=_finite(held.weight_error),
        passed=False,
        thresholds={**asdict(limits), "weight_error_max": held.weight_error_max},
        **_lists(top1, kl, error),
    )
    return replace(alone, passed=not alone.shortfall)


def _readings(logits: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each ``[batch, position]`` whether the most likely token agrees, KL, and the largest error."""
    finite = np.isfinite(logits).all(axis=-1)
    error = np.abs(np.where(np.isfinite(logits), logits, np.inf) - reference).max(axis=-1)
    top1 = (logits.argmax(-1) == reference.argmax(-1)) & finite
    return top1, np.where(finite, _kl(reference, np.nan_to_num(logits)), np.inf), error


def _lists(top1: np.ndarray, kl: np.ndarray, error: np.ndarray) -> dict[str, Any]:
    return {
        "top1": tuple(bool(value) for value in top1.ravel()),
        "kl": tuple(_finite(float(value)) for value in kl.ravel()),
        "abs_logit_error": tuple(_finite(float(value)) for value in error.ravel()),
    }


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
