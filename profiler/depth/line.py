"""The line through two depths: what it says of the whole depth, and how far it may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiler.records.quantity import Quantity
from profiler.records.target import Line
from profiler.statistics.intervals import MIN_FOR_INTERVAL, resampled_medians
from profiler.statistics.medians import median

NORMAL_95 = 1.959964
"""Half the 95 % interval of a normal distribution, in standard deviations."""

FEW = f"fewer than {MIN_FOR_INTERVAL} repetitions at a depth give no interval"


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at one depth. ``draws`` are what it might have been; None where too few repetitions tell."""

    layers: int
    value: float
    n: int
    draws: np.ndarray | None

    @classmethod
    def of_samples(cls, layers: int, samples: Sequence[float]) -> Point:
        """Return the median of repetitions, with its bootstrap."""
        random = np.random.default_rng(layers)  # the draws of two depths must not go together
        draws = resampled_medians(samples, random) if len(samples) >= MIN_FOR_INTERVAL else None
        return cls(layers, median(samples), len(samples), draws)

    @classmethod
    def of_figure(cls, layers: int, figure: Quantity) -> Point:
        """Return a figure with draws from its interval; one without an interval is a reading without spread."""
        assert figure.value is not None
        spread = (figure.ci95[1] - figure.ci95[0]) / 2 / NORMAL_95 if figure.ci95 else 0.0
        draws = figure.value + spread * np.random.default_rng(layers).standard_normal(4000)
        return cls(layers, figure.value, figure.n, draws)


def through(first: Point, second: Point) -> Line:
    """Return the line through two depths."""
    slope = (second.value - first.value) / (second.layers - first.layers)
    return Line(first.value - slope * first.layers, slope)


def at(line: Line, layers: int) -> float:
    """Return what the line says of a depth."""
    return line.at_none + line.per_layer * layers


def off(line: Line, check: Point) -> float:
    """Return how far the line is from the third depth, as a part of what was measured there."""
    return at(line, check.layers) / check.value - 1


def interval(points: tuple[Point, Point], check: Point | None, layers: int) -> tuple[float, float] | None:
    """Return the 95 % interval of the line at ``layers``.

    It is the bootstrap over the repetitions of both depths. Where there is a third depth, the interval is as wide again
    on both sides as the lines through it and either of the two are away: that is the error of taking depth as linear.
    None with too few repetitions, or for readings without spread that nothing checks.
    """
    first, second = points
    if first.draws is None or second.draws is None:
        return None
    value = at(through(first, second), layers)
    slopes = (second.draws - first.draws) / (second.layers - first.layers)
    low, high = np.percentile(first.draws + slopes * (layers - first.layers), [2.5, 97.5])
    if check is None:
        return (float(low), float(high)) if low < high else None
    away = max(abs(at(through(point, check), layers) - value) for point in points)
    return float(low) - away, float(high) + away


def method(points: tuple[Point, Point], check: tuple[int, float] | None, layers: int, *, spread: bool) -> str:
    """Return how an extended figure was found; ``check`` is the third depth and how far the line was from it."""
    said = [f"line through {points[0].layers} and {points[1].layers} of {layers} layers"]
    if check is not None:
        said.append(f"the third depth {check[0]} was off by {100 * abs(check[1]):.1f} %")
    else:
        said.append("no third depth checks it")
    return "; ".join(said if spread else [*said, FEW])
