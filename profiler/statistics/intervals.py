"""Bootstrap intervals of a median."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from profiler.statistics.autocorrelation import effective_samples
from profiler.statistics.medians import median

MIN_FOR_INTERVAL = 6
"""Fewest samples that can carry a 95 % interval of the median: the range of n values covers it with probability
1 - 2 * 0.5**n, which passes 0.95 at n = 6. With fewer, no interval is given rather than one that is too narrow."""

_RESAMPLES = 4000


def resampled_medians(samples: Sequence[float], random: np.random.Generator) -> np.ndarray:
    """Return bootstrap medians of ``samples``, which are in the order they were taken.

    Each draw has as many values as the series is worth: correlated repetitions do not count as independent.
    """
    values = np.sort(np.asarray(samples, dtype=np.float64))
    worth = max(1, round(effective_samples(samples)))
    return np.median(values[random.integers(0, len(values), (_RESAMPLES, worth))], axis=1)


def resampled_together(*series: Sequence[float]) -> list[np.ndarray]:
    """Return :func:`resampled_medians` of each of ``series`` in turn, from a fixed seed.

    The draws depend on the numbers of samples alone, so thousands of series of the same sizes share them.
    """
    shapes = tuple((len(samples), max(1, round(effective_samples(samples)))) for samples in series)
    medians = []
    for samples, (lower, upper) in zip(series, _middle_draws(shapes), strict=True):
        values = np.sort(np.asarray(samples, dtype=np.float64))
        medians.append((values[lower] + values[upper]) / 2)
    return medians


@lru_cache(maxsize=64)
def _middle_draws(shapes: tuple[tuple[int, int], ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the two middle places of each draw among sorted samples, for series of (samples, values in a draw)."""
    random = np.random.default_rng(0)
    draws = [np.sort(random.integers(0, count, (_RESAMPLES, worth)), axis=1) for count, worth in shapes]
    return [(draw[:, (draw.shape[1] - 1) // 2].copy(), draw[:, draw.shape[1] // 2].copy()) for draw in draws]


def median_ci95(samples: Sequence[float]) -> tuple[float, float] | None:
    """Return the percentile-bootstrap 95 % interval of the median, from a fixed seed."""
    if len(samples) < MIN_FOR_INTERVAL:
        return None
    low, high = np.percentile(resampled_medians(samples, np.random.default_rng(0)), [2.5, 97.5])
    return float(low), float(high)


def relative_half_width(samples: Sequence[float]) -> float | None:
    """Return half the 95 % interval over the median; None without an interval."""
    interval = median_ci95(samples)
    centre = median(samples)
    return None if interval is None or centre == 0 else (interval[1] - interval[0]) / 2 / abs(centre)
