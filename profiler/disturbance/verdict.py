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
    def remedies(self) -> dict[str, str]:
        """What to do against each detector's find, the most frequent first."""
        return {name: _REMEDIES[name] for name in self.by_detector if name in _REMEDIES}


def disturbance(repetitions: Sequence[Repetition]) -> Disturbance:
    """Count what disturbed ``repetitions``, warm-up excluded."""
    judged = counted(repetitions)
    names = Counter(name for r in judged for name in {spoiler.detector for spoiler in r.spoilers})
    ordered = dict(sorted(names.items(), key=lambda item: (-item[1], item[0])))
    return Disturbance(len(judged), sum(bool(r.spoilers) for r in judged), ordered)
