"""What a meter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from profiler.quantity import Grade


@dataclass(frozen=True, slots=True)
class MeterProbe:
    """Whether a meter can be read here; if not, why, and how to enable it."""

    available: bool
    reason: str = ""
    remedy: str = ""


class Meter(ABC):
    """A cumulative energy counter. ``scope`` says what it covers; the grade is that of its readings."""

    name: ClassVar[str]
    scope: ClassVar[str]
    grade: ClassVar[Grade] = "measured"

    @classmethod
    @abstractmethod
    def probe(cls) -> MeterProbe:
        """Look, without opening anything that could disturb a run."""

    @abstractmethod
    def read_j(self) -> float:
        """Joules since the meter was created; never falls. Must be called often enough for wrap-around to be undone."""

    @property
    @abstractmethod
    def max_interval_s(self) -> float:
        """Longest time between two reads that still tells one wrap-around from two."""
