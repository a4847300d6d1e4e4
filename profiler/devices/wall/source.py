"""The contract of wall-meter sources."""

from __future__ import annotations

import datetime
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

LATEST_UNIX_S = 1e11
"""Larger numbers count milliseconds or less, not seconds."""


class WallError(Exception):
    """The meter cannot be read, or its output is not a reading: ``args[0]`` says why."""


@dataclass(frozen=True, slots=True)
class WallRow:
    """One reading. ``at_s`` is by the meter's own clock, from any origin; None without a time."""

    at_s: float | None
    power_w: float | None = None
    energy_j: float | None = None


class WallSource(ABC):
    """Where readings come from. A separate thread reads it, so it may block."""

    poll_s: ClassVar[float]
    """Pause between two reads."""
    slowest_refresh_s: ClassVar[float] = 0.0
    """The greatest age of a reading, however often it is requested."""
    name: str
    """The name for the record: without folders, credentials or queries."""

    @abstractmethod
    def read(self) -> Sequence[WallRow]:
        """Return every new reading, oldest first.

        Raises:
            WallError: If there is nothing to read, or it is malformed.
        """

    def recent(self) -> Sequence[WallRow]:
        """Return earlier readings, which reveal the period."""
        return ()


def seconds(value: Any) -> float:
    """Return a time, ISO 8601 or Unix seconds, in seconds; without a zone it is read as UTC: only differences matter.

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
    instant = number(value)
    if instant is None or instant >= LATEST_UNIX_S:
        raise ValueError(f"{value!r} is not a time in seconds")
    return instant


def number(value: Any) -> float | None:
    """Return a finite number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
