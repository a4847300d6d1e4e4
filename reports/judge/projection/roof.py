"""The least time that physics allows a chip: its bytes over its bandwidth, its operations over its peak.

A fit may ask for more than the whole of a ceiling, and an interval may reach beyond it. Neither can be, so a projected
time is never shorter than this one; a centre that would have been is a finding about the fit or the chip's figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.judge.projection.situation import Figure, Situation
from reports.judge.projection.step import TIME_TERMS, Array, terms

_MEMORY = [TIME_TERMS.index(name) for name in ("weights", "kv_cache")]
_COMPUTE = [TIME_TERMS.index(name) for name in ("prefill", "attention", "batch")]


def least_s(situation: Situation, figure: Figure) -> float:
    """Return the seconds of ``figure`` if one ceiling were used whole and everything else cost nothing."""
    found = terms(situation, figure)
    return _nearest(found.added) + _nearest(found.decode)


def _nearest(parts: Array) -> float:
    return max(float(parts[_MEMORY].sum()), float(parts[_COMPUTE].sum()))


@dataclass(frozen=True, slots=True)
class Held:
    """A time with its interval, in seconds, none of them below the roof.

    ``asked`` is the share of the ceiling that the fit asked for where that was more than the whole, else None.
    """

    value: float
    low: float
    high: float
    asked: float | None = None


def held(value: float, low: float, high: float, least: float, least_of_best: float) -> Held:
    """Return the time no shorter than ``least``, and its lower end no shorter than ``least_of_best``.

    The two differ where the chip's figures are disputed: ``least_of_best`` takes the largest of them.
    """
    middle = max(value, least)
    asked = least / value if value < least else None
    return Held(middle, min(middle, max(low, least_of_best)), max(middle, high), asked)
