"""80 % prediction intervals: how far left-out figures lay from their predictions, in units of the predicted deviation.

A conformal quantile: of the figures the fit has seen, each predicted without its own model (or chip), 80 % lie within
``width`` tempered deviations. Figures on a chip that the engine has rows of are calibrated by leaving out
models, all others by leaving out chips. A group with few figures borrows from the others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.judge.projection.fitting import Fit, LeftOut
from reports.judge.projection.groups import PHASES, Group, chip_family, group_of
from reports.judge.projection.situation import Figure, Situation

COVERAGE = 0.8
_FEW = 20
"""Figures below which a group's own quantile is too rough to stand alone."""

_MODELS_TO_KNOW = 2
"""Models of an engine on a chip that separate efficiency from overhead; one model alone cannot separate them."""

_TEMPER = 0.5
"""Intervals grow with this power of the predicted deviation. The deviation rests on assumed widths of effects, so it
ranks predictions better than it scales them."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A point and its 80 % interval, in seconds or bytes. ``seen`` says whether the engine has rows of the chip."""

    value: float
    low: float
    high: float
    seen: bool


class Forecaster:
    """A fit with calibrated intervals."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        found = fit.observations
        models: dict[tuple[str, str, str], set[object]] = {}
        for o in found:
            models.setdefault(_place(o.situation, o.figure), set()).add(o.situation.model.key)
        self._seen = {place for place, known in models.items() if len(known) >= _MODELS_TO_KNOW}
        self.families = {o.situation.stack.family for o in found}
        groups = [group_of(o.situation, o.figure) for o in found]
        by_model = fit.left_out(lambda o: o.situation.model.key) if found else []
        by_chip = fit.left_out(lambda o: chip_family(o.situation.device)) if found else []
        # An engine with one chip says nothing of how far one chip's rows foretell another's.
        chips = Counter(family for family, _ in {place[:2] for place in models})
        several = [at for at, o in enumerate(found) if chips[o.situation.stack.family] > 1]
        # Likewise a chip with too few models, once one is left out, is no longer one that is known.
        known = [at for at, o in enumerate(found) if len(models[_place(o.situation, o.figure)]) > _MODELS_TO_KNOW]
        # A group in which few figures are on chips known so well is judged by all its figures.
        judged = {group for group, count in Counter(groups[at] for at in known).items() if count >= _FEW}
        known = [at for at in known if groups[at] in judged]
        known += [at for at, group in enumerate(groups) if group not in judged]
        seen = _widths([groups[at] for at in known], [by_model[at] for at in known])
        unseen = _widths([groups[at] for at in several], [by_chip[at] for at in several])
        # A chip without rows never gets a narrower interval than one with rows.
        wider = {group: max(seen.get(group, seen[None]), unseen.get(group, unseen[None])) for group in {*seen, *unseen}}
        self._widths = {True: seen, False: wider}

    def seen(self, situation: Situation, figure: Figure) -> bool:
        """Whether there are rows of this engine, chip and phase, of models enough to tell efficiency from overhead."""
        return _place(situation, figure) in self._seen

    def predict(self, situation: Situation, figure: Figure) -> Prediction:
        """The figure and its interval."""
        value, deviation = self.fit.predict(situation, figure)
        seen = self.seen(situation, figure)
        widths = self._widths[seen]
        reach = widths.get(group_of(situation, figure), widths[None]) * deviation**_TEMPER
        return Prediction(value, value * math.exp(-reach), value * math.exp(reach), seen)


def _place(situation: Situation, figure: Figure) -> tuple[str, str, str]:
    return situation.stack.family, chip_family(situation.device), PHASES[group_of(situation, figure)]


def _widths(groups: Sequence[Group], left_out: Sequence[LeftOut]) -> dict[Group | None, float]:
    """Deviations that hold 80 % of each group; under None, of all figures."""
    scores: dict[Group | None, list[float]] = {None: []}
    for group, found in zip(groups, left_out, strict=True):
        score = abs(found.residual) / found.deviation**_TEMPER
        scores.setdefault(group, []).append(score)
        scores[None].append(score)
    pooled = quantile(scores[None])
    made: dict[Group | None, float] = {None: pooled}
    for group in dict.fromkeys(groups):
        # In logs, between the group's own quantile and that of all figures, by the number of its figures.
        own = scores[group]
        share = len(own) / (len(own) + _FEW)
        made[group] = math.exp(share * math.log(quantile(own)) + (1 - share) * math.log(pooled))
    return made


def quantile(scores: Sequence[float]) -> float:
    """The conformal 80 % quantile: the ceil(0.8 (n + 1))-th smallest score; that of a normal where there are none."""
    if not scores:
        return 1.2816
    rank = min(len(scores), math.ceil(COVERAGE * (len(scores) + 1)))
    return max(1e-3, sorted(scores)[rank - 1])
