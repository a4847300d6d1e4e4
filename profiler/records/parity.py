"""How far a target's logits are from a reference, and whether its limits are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Weighed = Literal["", "same", "dequantised", "hidden"]
"""What a target's weights are to its judge: the model's own, the engine's own dequantised ones that a second reference
computed with, or quantised ones that the engine hides; empty in records of before these were told apart."""


@dataclass(frozen=True, slots=True)
class ArithmeticScore:
    """How close the target's logits are to a float32 reference with the target's own dequantised weights.

    Lists have one entry per scored position, as in :class:`ParityScore`. ``weight_error`` is the largest error of those
    weights against the model's, as root mean square relative to the values that share a scale.
    """

    top1_agreement: float
    kl_mean: float
    kl_median: float
    max_abs_logit_error: float
    weight_error: float
    passed: bool
    thresholds: dict[str, float]
    top1: tuple[bool, ...]
    kl: tuple[float, ...]
    abs_logit_error: tuple[float, ...]

    @property
    def shortfall(self) -> str:
        """Return what a score that did not pass lacks, each figure against its limit."""
        return ", ".join(_missed(self, self.thresholds))


@dataclass(frozen=True, slots=True)
class ParityScore:
    """How close the target's teacher-forced logits are to the float32 reference on the same tokens.

    Lists have one entry per scored position: whether the most likely token agrees, the KL divergence of the target from
    the reference in nats, the largest absolute logit error. ``thresholds`` are those of the target's precision; empty
    where ``arithmetic`` decides alone whether it ``passed``, and these figures are the loss by quantisation.
    """

    positions: int
    top1_agreement: float
    kl_mean: float
    max_abs_logit_error: float
    passed: bool
    thresholds: dict[str, float]
    top1: tuple[bool, ...]
    kl: tuple[float, ...]
    abs_logit_error: tuple[float, ...]
    greedy_prefix_tokens: int
    """Leading output tokens that free-running generation shares with the reference (row 0)."""
    weights: Weighed = ""
    arithmetic: ArithmeticScore | None = None
    """The judgement of quantised weights' arithmetic apart from their rounding, where the engine shows its weights."""
    hidden_reason: str = ""
    """Why quantised weights are ``hidden``; empty where the engine has no way to show them."""

    @property
    def shortfall(self) -> str:
        """Return what a score that did not pass lacks, each figure against its limit."""
        if self.arithmetic is not None:
            return self.arithmetic.shortfall
        return ", ".join(_missed(self, self.thresholds))


_SENTENCES = {
    "kl_mean": "mean KL divergence {value:.2g} nats is above {limit:g}",
    "kl_median": "median KL divergence {value:.2g} nats is above {limit:g}",
    "max_abs_logit_error": "a logit is off by {value:.2g}, above {limit:g}",
    "weight_error": "weights are off by {value:.2g} of their size, above {limit:g}",
}


def _missed(score: ParityScore | ArithmeticScore, limits: dict[str, float]) -> list[str]:
    missed = []
    if score.top1_agreement < limits["top1_agreement_min"]:
        missed.append(f"top-1 agreement {score.top1_agreement:.2f} is below {limits['top1_agreement_min']:g}")
    for name, sentence in _SENTENCES.items():
        limit = limits.get(f"{name}_max")
        if limit is not None and getattr(score, name) > limit:
            missed.append(sentence.format(value=getattr(score, name), limit=limit))
    return missed
