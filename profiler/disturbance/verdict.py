"""Whether a run was too disturbed to conclude from, and how to do better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from profiler.disturbance.device import DEVICE_DETECTORS
from profiler.disturbance.host import DETECTORS, FREQUENCY_DRIFT
from profiler.records.target import Repetition, counted

TOO_MANY = 0.5
"""A run is too disturbed if more than this share of its counted repetitions is marked."""

_ALL = (*DETECTORS, FREQUENCY_DRIFT, *DEVICE_DETECTORS)
EXTERNAL = frozenset(detector.name for detector in _ALL if detector.external)
"""Disturbances from outside the run: the measured work cannot have caused them."""

_REMEDIES = {detector.name: detector.remedy for detector in _ALL}


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How many repetitions count, how many of them are marked, and how often by each detector, most frequent first."""

    counted: int
    marked: int
    by_detector: dict[str, int]

    @property
    def too_much(self) -> bool:
        """Whether nothing should be concluded from the run."""
        return self.marked > TOO_MANY * self.counted

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do, for the most frequent disturbance first."""
        return tuple(dict.fromkeys(_REMEDIES[name] for name in self.by_detector if name in _REMEDIES))

    @property
    def verdict(self) -> str:
        """The verdict in words; empty for an undisturbed run."""
        if not self.marked:
            return ""
        named = ", ".join(f"{name.replace('_', ' ')} in {count}" for name, count in self.by_detector.items())
        if not self.too_much:
            return f"{named} of {self.counted} repetitions; they are counted"
        return (
            f"too much to conclude from: {named} of {self.counted} repetitions; "
            f"{'; '.join(self.remedies) or 'find what else ran'}; then measure again"
        )


def disturbance(repetitions: Sequence[Repetition]) -> Disturbance:
    """Count what disturbed ``repetitions``, warm-up excluded."""
    judged = counted(repetitions)
    names = Counter(name for r in judged for name in {spoiler.detector for spoiler in r.spoilers})
    ordered = dict(sorted(names.items(), key=lambda item: (-item[1], item[0])))
    return Disturbance(len(judged), sum(bool(r.spoilers) for r in judged), ordered)
