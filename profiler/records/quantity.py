"""A number with its unit, grade and method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Grade = Literal["measured", "derived", "modelled", "declared", "unavailable"]
"""How a figure came to be.

``measured``: read from a counter or a clock. ``derived``: computed from measured figures. ``modelled``: from a stated
model, with bounds. ``declared``: from a datasheet. ``unavailable``: there is no value, and ``method`` says why.
"""

GRADES: tuple[Grade, ...] = ("measured", "derived", "modelled", "declared", "unavailable")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit, grade, method, number of samples and 95 % interval.

    ``value`` is None exactly when the grade is ``unavailable``; ``method`` then carries the reason. ``ci95`` is None
    where no interval can be given (a single reading of a high-water mark, say). ``raw`` is what was computed for a
    figure that cannot be true (:mod:`profiler.records.plausibility`); it enters no conclusion.
    """

    value: float | None
    unit: str
    grade: Grade
    method: str
    n: int = 0
    ci95: tuple[float, float] | None = None
    raw: float | None = None

    def __post_init__(self) -> None:
        if self.grade not in GRADES:
            raise ValueError(f"grade {self.grade!r} is none of {', '.join(GRADES)}")
        if (self.value is None) != (self.grade == "unavailable"):
            raise ValueError(f"a quantity has a value or is unavailable, not both: {self.value!r}, {self.grade}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a quantity must be finite, got {self.value!r}")
        if self.ci95 is not None and self.ci95[0] > self.ci95[1]:
            raise ValueError(f"the interval {self.ci95} is upside down")

    @classmethod
    def unavailable(cls, unit: str, reason: str) -> Quantity:
        """Return a figure without a value, with the reason."""
        return cls(None, unit, "unavailable", reason)
