"""How far two sets of runs are apart, when each run is a process of its own with several repetitions.

Two kinds of noise add up. Repetitions of one run scatter, and runs as a whole are shifted against each other: memory is
laid out anew, cores move about the host. On shared machines the second is the larger, and no number of repetitions
within one run shows it. So the unit of evidence is the run: its median, on a logarithmic scale, with variance

    spread**2 + (pi / 2) * s**2 / n_effective

where ``spread`` is the standard deviation between runs and ``s`` that between its repetitions. The spread is estimated
from all runs at hand and a :class:`Prior` that stands for a stated number of runs seen before, so that one run alone
has an interval too. Intervals are Student's t; degrees of freedom are the prior's runs, and those of each set less one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiler.autocorrelation import effective_samples
from profiler.student_t import t_quantile

Runs = Sequence[Sequence[float]]
"""One set: the positive samples of each run, in the order they were taken."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed before any run is seen: the relative spread between runs, and how many runs that is worth."""

    spread: float
    runs: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure known up to a factor: ``value`` with its standard error on the logarithmic scale.

    ``spread`` is the relative standard deviation between runs that entered it.
    """

    value: float
    log_error: float
    spread: float
    degrees: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Two-sided interval of ``value``."""
        reach = math.exp(t_quantile(confidence, self.degrees) * self.log_error)
        return self.value / reach, self.value * reach


@dataclass(frozen=True, slots=True)
class _Set:
    medians: np.ndarray
    noise: np.ndarray
    """Per run: variance of its median that comes from its repetitions."""

    @property
    def centre(self) -> float:
        return float(self.medians.mean())

    @property
    def degrees(self) -> int:
        return len(self.medians) - 1

    @property
    def between(self) -> float:
        """Variance between the runs beyond what their repetitions explain; 0 for one run."""
        if self.degrees == 0:
            return 0.0
        return max(0.0, float(self.medians.var(ddof=1)) - float(self.noise.mean()))

    def variance(self, spread_squared: float) -> float:
        count = len(self.medians)
        return spread_squared / count + float(self.noise.sum()) / count**2


def ratio_of_runs(numerator: Runs, denominator: Runs, prior: Prior) -> Estimate:
    """Typical run of one set over that of the other.

    Raises:
        ValueError: If a set or a run is empty, or a sample is not positive.
    """
    above, below = _read(numerator), _read(denominator)
    spread_squared, degrees = _spread((above, below), prior)
    error = math.sqrt(above.variance(spread_squared) + below.variance(spread_squared))
    return Estimate(math.exp(above.centre - below.centre), error, math.sqrt(spread_squared), degrees)


def typical_of_runs(runs: Runs, alike: Sequence[Runs], prior: Prior) -> Estimate:
    """The figure of a typical run; ``alike`` are other sets that tell about the spread, not about the figure."""
    own = _read(runs)
    spread_squared, degrees = _spread((own, *map(_read, alike)), prior)
    return Estimate(
        math.exp(own.centre), math.sqrt(own.variance(spread_squared)), math.sqrt(spread_squared), degrees
    )  # fmt: skip


def foreseen(
    numerator: Runs, denominator: Runs, prior: Prior, more_above: int, more_below: int, confidence: float
) -> float:
    """Half-width on the log scale that the interval of the ratio would have with more runs of the same kind."""
    above, below = _read(numerator), _read(denominator)
    spread_squared, degrees = _spread((above, below), prior)
    counts = (len(above.medians) + more_above, len(below.medians) + more_below)
    variance = sum(
        (spread_squared + float(part.noise.mean())) / count for part, count in zip((above, below), counts, strict=True)
    )
    return t_quantile(confidence, degrees + more_above + more_below) * math.sqrt(variance)


def _read(runs: Runs) -> _Set:
    if not runs or any(len(run) == 0 or min(run) <= 0 for run in runs):
        raise ValueError("a set needs at least one run, and every run positive samples")
    logs = [np.log(np.asarray(run, dtype=np.float64)) for run in runs]
    return _Set(np.asarray([np.median(log) for log in logs]), np.asarray([_median_variance(log) for log in logs]))


def _median_variance(log: np.ndarray) -> float:
    """Variance of the median of repetitions: pi / 2 times that of the mean, as for normal noise; 0 for one reading."""
    if len(log) < 2:
        return 0.0
    return math.pi / 2 * float(log.var(ddof=1)) / effective_samples(log.tolist())


def _spread(sets: Sequence[_Set], prior: Prior) -> tuple[float, int]:
    """Squared spread between runs, prior and all sets pooled, and its degrees of freedom."""
    degrees = prior.runs + sum(part.degrees for part in sets)
    pooled = prior.runs * prior.spread**2 + sum(part.degrees * part.between for part in sets)
    return pooled / degrees, degrees
