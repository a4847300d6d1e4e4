"""How well the model predicts results it was not fitted to: leave one model out, leave one chip out, or other data.

Nothing of what is left out takes part: not in the fit, not in the shrinkage, not in the width of the intervals. Models
of equal dimensions are left out together, and so are the bins and form factors of a chip.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from reports.judge.projection.evidence import Evidence, Observation
from reports.judge.projection.fitting import Fit, Kind
from reports.judge.projection.groups import PHASES, Group, chip_family, group_of
from reports.judge.projection.intervals import Forecaster, Prediction

LeaveOut = Literal["model", "chip", "chip and engine", "external"]
ALL = "all"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result and what was predicted of it without it; ``value`` and the prediction in seconds or bytes."""

    observation: Observation
    prediction: Prediction
    leave_out: LeaveOut

    @property
    def error(self) -> float:
        """Absolute error of the published quantity, as a share of it."""
        truth, predicted = self.observation.value, self.prediction.value
        # A rate is tokens over seconds: predicted over true is turned round.
        return abs((truth / predicted if self.observation.unit.startswith("tok/s") else predicted / truth) - 1)

    @property
    def covered(self) -> bool:
        """Whether the 80 % interval holds the truth."""
        return self.prediction.low <= self.observation.value <= self.prediction.high


@dataclass(frozen=True, slots=True)
class Score:
    """One line of the track record: ``chip_family`` is ``all`` for the line that sums up its group."""

    leave_out: LeaveOut
    chip_family: str
    phase: str
    group: Group
    n: int
    median_absolute_percentage_error: float
    interval_coverage: float


def fit_of(kind: Kind, observations: Iterable[Observation], start: Fit | None = None) -> Fit:
    """The fit to the observations of one kind among ``observations``."""
    return Fit(kind, [o for o in observations if (o.figure == "memory") == (kind == "memory")], start)


def backtest(evidence: Evidence) -> tuple[Outcome, ...]:
    """Every observation predicted without its model, and without its chip."""
    found: list[Outcome] = []
    for kind in _KINDS:
        own = [o for o in evidence.observations if (o.figure == "memory") == (kind == "memory")]
        found += _folds(kind, own, lambda o: o.situation.model.key, "model")
        found += _folds(kind, own, lambda o: chip_family(o.situation.device), "chip")
    return tuple(found)


def backtest_external(own: Evidence, external: Evidence) -> tuple[tuple[Outcome, ...], int]:
    """The rows of ``external`` predicted from ``own``; and how many of them are ours too.

    A row that is ours too takes its whole model out of the fit that predicts it, as in leave-one-model-out.
    """
    known = {o.identity for o in own.observations}
    shared = [o for o in external.observations if o.identity in known]
    shared_models = {o.situation.model.key for o in shared}
    found: list[Outcome] = []
    for kind in _KINDS:
        theirs = [o for o in external.observations if (o.figure == "memory") == (kind == "memory")]
        if not theirs:
            continue
        plain = Forecaster(fit_of(kind, own.observations))
        found += [
            Outcome(o, plain.predict(o.situation, o.figure), "external")
            for o in theirs
            if o.situation.model.key not in shared_models
        ]
        for key in dict.fromkeys(o.situation.model.key for o in theirs if o.situation.model.key in shared_models):
            without = Forecaster(fit_of(kind, (o for o in own.observations if o.situation.model.key != key)))
            found += [
                Outcome(o, without.predict(o.situation, o.figure), "external")
                for o in theirs
                if o.situation.model.key == key
            ]
    return tuple(found), len(shared)


def scores(outcomes: Sequence[Outcome]) -> tuple[Score, ...]:
    """The track record: of every group the line of all chips, then one per chip family."""
    lines: dict[tuple[LeaveOut, Group, str], list[Outcome]] = {}
    for outcome in outcomes:
        group = group_of(outcome.observation.situation, outcome.observation.figure)
        for family in (ALL, chip_family(outcome.observation.situation.device)):
            lines.setdefault((outcome.leave_out, group, family), []).append(outcome)
    order = sorted(lines, key=lambda at: (_ORDER.index(at[0]), list(PHASES).index(at[1]), at[2] != ALL, at[2]))
    return tuple(
        Score(
            leave_out, family, PHASES[group], group, len(lines[leave_out, group, family]),
            100 * median(o.error for o in lines[leave_out, group, family]),
            sum(o.covered for o in lines[leave_out, group, family]) / len(lines[leave_out, group, family]),
        )
        for leave_out, group, family in order
    )  # fmt: skip


_KINDS: tuple[Kind, ...] = ("time", "memory")
_ORDER: tuple[LeaveOut, ...] = ("model", "chip", "chip and engine", "external")


def _folds(
    kind: Kind,
    observations: Sequence[Observation],
    key: Callable[[Observation], Hashable],
    leave_out: LeaveOut,
) -> list[Outcome]:
    found = []
    for left in dict.fromkeys(map(key, observations)):
        # From scratch: a start at the fit of all rows would already know what is left out.
        forecaster = Forecaster(Fit(kind, [o for o in observations if key(o) != left]))
        for observation in observations:
            if key(observation) == left:
                alone = leave_out == "chip" and observation.situation.stack.family not in forecaster.families
                prediction = forecaster.predict(observation.situation, observation.figure)
                found.append(Outcome(observation, prediction, "chip and engine" if alone else leave_out))
    return found
