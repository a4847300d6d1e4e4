"""How many times as fast one target is as another, with an interval made from the raw repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiler.statistics.intervals import MIN_FOR_INTERVAL, resampled_together
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians.

    ``ci95`` is None where the repetitions cannot carry an interval; ``method`` then says why. ``samples`` are the
    repetitions of numerator and denominator.
    """

    value: float
    ci95: tuple[float, float] | None
    samples: tuple[int, int]
    method: str

    @property
    def distinguishable(self) -> bool | None:
        """Whether the interval excludes 1; None without an interval."""
        return None if self.ci95 is None else not self.ci95[0] <= 1.0 <= self.ci95[1]


def ratio_of_medians(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Median over median, with the percentile-bootstrap 95 % interval: both sides are resampled independently.

    The seed is fixed, so that the same samples give the same interval.

    Raises:
        ValueError: If either side is empty or the denominator's median is not positive.
    """
    if not numerator or not denominator or median(denominator) <= 0:
        raise ValueError("a ratio needs samples on both sides, and a positive denominator")
    counts = (len(numerator), len(denominator))
    value = median(numerator) / median(denominator)
    if min(counts) < MIN_FOR_INTERVAL:
        why = f"no interval: {counts[0]} and {counts[1]} repetitions, at least {MIN_FOR_INTERVAL} of each are needed"
        return Ratio(value, None, counts, f"ratio of medians; {why}")
    import numpy as np

    above, below = resampled_together(numerator, denominator)
    low, high = np.percentile(above / below, [2.5, 97.5])
    return Ratio(value, (float(low), float(high)), counts, "ratio of medians; percentile bootstrap of both sides")
