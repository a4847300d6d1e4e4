"""Exact figures: fractions, and intervals of what a figure may be. Nothing is rounded before it is compared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from backends.common.errors import InputError

Number = int | float | str | Fraction


def exact(value: Number, what: str) -> Fraction:
    """The number exactly as written in decimal: 5.92 is 592/100, not the nearest binary fraction.

    Raises:
        InputError: If it is no number, not finite, or negative; ``what`` names it.
    """
    try:
        number = value if isinstance(value, Fraction) else Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{what} must be a number, not {str(value)!r}") from None
    if number < 0:
        raise InputError(f"{what} must not be negative, but is {value}")
    return number


@dataclass(frozen=True, slots=True)
class Interval:
    """Every value from ``low`` to ``high``, both included; ``high`` None: there is no upper bound."""

    low: Fraction
    high: Fraction | None

    @property
    def is_point(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high

    @property
    def is_unknown(self) -> bool:
        """Whether nothing at all is known."""
        return self.low == 0 and self.high is None

    def contains(self, value: Fraction | None) -> bool:
        """Whether a value is possible; None never is."""
        return value is not None and self.low <= value and (self.high is None or value <= self.high)

    def __add__(self, other: Interval) -> Interval:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Interval(self.low + other.low, high)

    def over(self, other: Interval) -> Interval:
        """The quotients; a divisor that may be arbitrarily small gives no upper bound."""
        high = None if self.high is None or not other.low else self.high / other.low
        return Interval(Fraction(0) if other.high is None else self.low / other.high, high)

    def points(self, lines: Iterable[Fraction]) -> list[Fraction]:
        """One value of every part that ``lines`` cut this interval into, and every line and end inside it.

        Comparisons with the lines come out the same for every other value of the same part.
        """
        inside = {line for line in lines if line >= self.low and (self.high is None or line <= self.high)}
        ends = sorted(inside | {self.low} | (set() if self.high is None else {self.high}))
        between = [(left + right) / 2 for left, right in pairwise(ends)]
        return sorted([*ends, *between, *([ends[-1] + 1] if self.high is None else [])])


UNKNOWN = Interval(Fraction(0), None)
"""A figure of which nothing is known."""


def point(value: Fraction) -> Interval:
    """The interval of one value."""
    return Interval(value, value)


def highest(intervals: Iterable[Interval]) -> Interval:
    """What the largest of several figures may be; unknown if there are none."""
    several = tuple(intervals)
    if not several:
        return UNKNOWN
    highs = [interval.high for interval in several]
    top = None if None in highs else max(high for high in highs if high is not None)
    return Interval(max(interval.low for interval in several), top)


def show(value: Fraction, line: Fraction | None = None) -> str:
    """``value`` for people, in six digits, or in as many as it takes to tell it from ``line``."""
    number = float(value)
    for digits in range(6, 18):
        text = f"{number:.{digits}g}"
        if line is None or value == line or Fraction(text) != line:
            break
    return f"{number:.0f}" if "e" in text and math.log10(abs(number)) < 15 else text
