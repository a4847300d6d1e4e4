"""What a detector of disturbances is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from profiler.records.target import Spoiler


@dataclass(frozen=True, slots=True)
class Detector:
    """Mark a repetition if ``reading`` exceeds ``threshold``; a reading of None means that nothing is known.

    ``remedy`` says what to do about it. ``external``: the measured work itself cannot have caused it.
    """

    name: str
    unit: str
    threshold: float
    reading: Callable[..., float | None]
    remedy: str
    external: bool = False


def spoilers(detectors: Iterable[Detector], *state: object) -> tuple[Spoiler, ...]:
    """Return what every detector past its threshold read from ``state``."""
    readings = [(detector, detector.reading(*state)) for detector in detectors]
    return tuple(
        Spoiler(detector.name, float(value), float(detector.threshold), detector.unit)
        for detector, value in readings
        if value is not None and value > detector.threshold
    )
