"""What a wall meter tells, whichever way it is asked."""

from __future__ import annotations

import datetime
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

LATEST_UNIX_S = 1e11
"""A larger number counts milliseconds or less, not seconds."""


class WallError(Exception):
    """The meter cannot be read, or what it says is no reading: ``args[0]`` says why."""


@dataclass(frozen=True, slots=True)
class WallRow:
    """One reading. ``at_s`` is by the meter's own clock, from any beginning; None where it tells no time."""

    at_s: float | None
    power_w: float | None = None
    energy_j: float | None = None


class WallSource(ABC):
    """Where readings come from. It is read by a thread of its own, so it may take its time."""

    poll_s: ClassVar[float]
    """Pause between two reads."""
    slowest_refresh_s: ClassVar[float] = 0.0
    """How old a reading may be however often it is asked for."""
    name: str
    """As it may stand in a record: without folders, credentials or queries."""

    @abstractmethod
    def read(self) -> Sequence[WallRow]:
        """Every reading that is new, oldest first.

        Raises:
            WallError: If there is nothing to read, or it makes no sense.
        """

    def recent(self) -> Sequence[WallRow]:
        """Readings of before, for how far they are apart."""
        return ()


def seconds(value: Any) -> float:
    """A time, ISO 8601 or Unix seconds, in seconds. One without a zone is taken as UTC: only differences matter.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            at = datetime.datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()
    found = number(value)
    if found is None or found >= LATEST_UNIX_S:
        raise ValueError(f"{value!r} is no time in seconds")
    return found


def number(value: Any) -> float | None:
    """A finite number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
