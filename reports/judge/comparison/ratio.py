"""How many times as fast one target is as another, with an interval made from the raw repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from profiler.disturbance.verdict import EXTERNAL
from profiler.records.target import Segment, TargetRecord
from profiler.statistics.intervals import MIN_FOR_INTERVAL, resampled_medians, resampled_together
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians.

    ``ci95`` is None where the repetitions cannot carry an interval; ``method`` then says why. ``samples`` are the
    repetitions of numerator and denominator, or the segments of pairs.
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


FEWEST_PAIRS = MIN_FOR_INTERVAL
"""Fewer pairs carry no interval, and are no better than repetitions."""


def ratio_of_pairs(pairs: Sequence[tuple[Segment, Segment]]) -> Ratio | None:
    """Median of how many times as fast the first segment of each pair was, with its bootstrap 95 % interval.

    Pairs that something from outside disturbed are left out while enough others remain. None with too few pairs.
    """
    kept = undisturbed(pairs)
    if len(kept) < FEWEST_PAIRS:
        return None
    left_out = f"; {len(pairs) - len(kept)} disturbed pairs left out" if len(kept) < len(pairs) else ""
    how = f"median of {len(kept)} pairs of segments run in turn; bootstrap of the pairs{left_out}"
    value, interval = median_of_pairs(kept, 0.025)
    return Ratio(value, interval, (len(kept), len(kept)), how)


def median_of_pairs(
    pairs: Sequence[tuple[Segment, Segment]], tail: float
) -> tuple[float, tuple[float, float]]:  # fmt: skip
    """Return how many times as fast the first of each pair was; the interval leaves out ``tail`` on each side.

    It is taken of logarithms: the other way round it is exactly the inverse, with an even number of pairs too.
    """
    import numpy as np

    logs = [math.log(below.duration_ns / above.duration_ns) for above, below in pairs]
    drawn = resampled_medians(logs, np.random.default_rng(0))
    low, high = np.exp(np.percentile(drawn, [100 * tail, 100 * (1 - tail)]))
    return math.exp(median(logs)), (float(low), float(high))


def undisturbed(pairs: Sequence[tuple[Segment, Segment]]) -> Sequence[tuple[Segment, Segment]]:
    """Return the pairs that nothing from outside disturbed; all of them if too few are left."""
    quiet = [pair for pair in pairs if not any(_disturbed(segment) for segment in pair)]
    return quiet if len(quiet) >= FEWEST_PAIRS else pairs


def pairs_of(
    above: TargetRecord, below: TargetRecord, *, prefill: bool = False
) -> list[tuple[Segment, Segment]]:  # fmt: skip
    """Return the decode segments, or the prefills, of two targets of one race that did the same work side by side."""
    theirs = {(one.heat, one.at): one for one in _segments(below)}
    return [
        (one, other)
        for one in _segments(above)
        if (one.at == 0) == prefill
        and (other := theirs.get((one.heat, one.at))) is not None
        and other.tokens == one.tokens
    ]


def _segments(record: TargetRecord) -> tuple[Segment, ...]:
    return record.worker.segments if record.worker else ()


def _disturbed(segment: Segment) -> bool:
    return any(spoiler.detector in EXTERNAL for spoiler in segment.spoilers)
