"""How much two sets of runs differ, if each run is a separate process with several repetitions.

Two kinds of noise add up. Repetitions of one run scatter, and whole runs are shifted against each other: memory is
laid out anew, cores move within the host, neighbours come and go. On shared machines the second is larger, and no
number of repetitions within one run shows it. So the unit of evidence is the run, on a logarithmic scale::

    median of a run = level of its set + slope * pace of the machine + shift of the run + noise of its repetitions

``pace`` is the logarithm of what the machine could do during the run, such as its memory read bandwidth:
on a shared guest it explains most of the shift between runs. The slope is estimated from all available runs by ridge
regression towards the prior's, and carries its uncertainty: far from any pace seen before, the interval grows wide.
The shift has a standard deviation, the *spread*, estimated with the prior's help so that a single run has an interval
too, and lasts: runs in a row count for fewer. The noise of the repetitions is (pi / 2) s**2 / n_effective. Intervals
are Student's t, with the prior's degrees of freedom and those of each set less one. (A normal model with its conjugate
prior, plus the noise of the repetitions; see Gelman et al., Bayesian Data Analysis, 3rd ed., chapter 14.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiler.statistics.autocorrelation import effective_samples
from profiler.statistics.student_t import t_quantile


@dataclass(frozen=True, slots=True)
class Run:
    """The positive samples of one run, in order, and the log pace of the machine (None if unknown)."""

    samples: Sequence[float]
    pace: float | None = None


@dataclass(frozen=True, slots=True)
class Prior:
    """The assumptions before any run.

    ``spread`` is the relative standard deviation between runs, worth ``runs`` runs. ``slope`` says by what power of the
    machine's pace a figure scales, with its standard deviation; None if it does not. ``lasts`` is the
    correlation of a run's shift with the next one's: runs in a row share the machine's state.
    """

    spread: float
    runs: int
    slope: tuple[float, float] | None = None
    lasts: float = 0.4

    def independent(self, runs: int) -> float:
        """Return how many independent runs that many consecutive ones are worth (first-order series)."""
        shared = sum((1 - step / runs) * self.lasts**step for step in range(1, runs))
        return runs / (1 + 2 * shared)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure known up to a factor: ``value`` with its standard error on the logarithmic scale.

    ``raw`` is the value before the machine's pace was taken out, ``pace`` the machine's pace in the first set over that
    in the second (None where it took no part), ``spread`` the standard deviation between runs that entered the error.
    """

    value: float
    log_error: float
    spread: float
    degrees: int
    raw: float
    pace: float | None = None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of ``value``."""
        reach = math.exp(t_quantile(confidence, self.degrees) * self.log_error)
        return self.value / reach, self.value * reach


@dataclass(frozen=True, slots=True)
class _Set:
    """One set, as arrays with one entry a run: log medians, their noise variances, log paces."""

    medians: np.ndarray
    noise: np.ndarray
    paces: np.ndarray

    @property
    def count(self) -> int:
        return len(self.medians)

    def sum_of(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return the sum of products of deviations from the means."""
        return float((first - first.mean()) @ (second - second.mean()))


def ratio_of_runs(numerator: Sequence[Run], denominator: Sequence[Run], prior: Prior) -> Estimate:
    """Return the typical run of one set over that of the other, at the same pace of the machine.

    The pace takes part only if every run has one.

    Raises:
        ValueError: If a set or a run is empty, or a sample is not positive.
    """
    return _Model((_read(numerator), _read(denominator)), prior, _all_paced(numerator, denominator)).ratio()


def typical_of_runs(runs: Sequence[Run], alike: Sequence[Run], prior: Prior) -> Estimate:
    """Return the figure of a typical run, at the machine's actual pace.

    ``alike`` are runs of another set, perhaps none, that inform the spread, not the figure.
    """
    sets = (_read(runs), *((_read(alike),) if alike else ()))
    model = _Model(sets, prior, paced=False)
    own = model.sets[0]
    error = math.sqrt(model.variance_of_mean(own))
    value = math.exp(float(own.medians.mean()))
    return Estimate(value, error, math.sqrt(model.spread_squared), model.degrees, value)


def foreseen(
    numerator: Sequence[Run], denominator: Sequence[Run], prior: Prior, more: tuple[int, int], confidence: float
) -> float:
    """Return the half-width on the log scale of the ratio's interval with ``more`` such runs in each set."""
    model = _Model((_read(numerator), _read(denominator)), prior, _all_paced(numerator, denominator))
    variance = 0.0
    for part, extra in zip(model.sets, more, strict=True):
        count = part.count + extra
        variance += model.spread_squared / prior.independent(count) + float(part.noise.mean()) / count
    return t_quantile(confidence, model.degrees + sum(more)) * math.sqrt(variance)


class _Model:
    """The fit to one or two sets: a common slope and spread, a level each."""

    def __init__(self, sets: Sequence[_Set], prior: Prior, paced: bool) -> None:
        self.sets = sets
        self.prior = prior
        self.degrees = prior.runs + sum(part.count - 1 for part in sets)
        self.paced = paced and prior.slope is not None
        self.slope, self.certainty, penalty = self._fit_slope()
        scatter = 0.0
        for part in sets:
            left = part.medians - self.slope * part.paces
            scatter += max(0.0, part.sum_of(left, left) - (part.count - 1) * float(part.noise.mean()))
        self.spread_squared = (prior.runs * prior.spread**2 + scatter + penalty) / self.degrees

    def _fit_slope(self) -> tuple[float, float, float]:
        """Return the slope, its information in units of the spread, and the penalty for departing from the prior's."""
        prior = self.prior
        if not self.paced or prior.slope is None:
            return 0.0, math.inf, 0.0
        expected, deviation = prior.slope
        strength = (prior.spread / deviation) ** 2
        information = strength + sum(part.sum_of(part.paces, part.paces) for part in self.sets)
        common = strength * expected + sum(part.sum_of(part.paces, part.medians) for part in self.sets)
        slope = common / information
        return slope, information, strength * (slope - expected) ** 2

    def variance_of_mean(self, part: _Set) -> float:
        return self.spread_squared / self.prior.independent(part.count) + float(part.noise.sum()) / part.count**2

    def ratio(self) -> Estimate:
        above, below = self.sets
        raw = float(above.medians.mean() - below.medians.mean())
        pace = float(above.paces.mean() - below.paces.mean())
        variance = sum(self.variance_of_mean(part) for part in self.sets)
        variance += self.spread_squared * pace**2 / self.certainty
        return Estimate(
            math.exp(raw - self.slope * pace), math.sqrt(variance), math.sqrt(self.spread_squared), self.degrees,
            math.exp(raw), math.exp(pace) if self.paced else None,
        )  # fmt: skip


def _all_paced(*sets: Sequence[Run]) -> bool:
    return all(run.pace is not None for runs in sets for run in runs)


def _read(runs: Sequence[Run]) -> _Set:
    if not runs or any(len(run.samples) == 0 or min(run.samples) <= 0 for run in runs):
        raise ValueError("a set needs at least one run, and every run positive samples")
    logs = [np.log(np.asarray(run.samples, dtype=np.float64)) for run in runs]
    return _Set(
        np.asarray([np.median(log) for log in logs]),
        np.asarray([_median_variance(log) for log in logs]),
        np.asarray([run.pace or 0.0 for run in runs]),
    )


def _median_variance(log: np.ndarray) -> float:
    """Return the variance of the median: pi / 2 times that of the mean, as for normal noise; 0 for one reading."""
    if len(log) < 2:
        return 0.0
    return math.pi / 2 * float(log.var(ddof=1)) / effective_samples(log.tolist())
