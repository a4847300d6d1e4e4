"""Whether a run was too disturbed to conclude from, and how to do better: over what marked its repetitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from profiler.disturbance.device import DEVICE_DETECTORS
from profiler.disturbance.host import DETECTORS, REMEDIES
from profiler.records.target import Repetition, counted

TOO_MANY = 0.5
"""A run is too disturbed when more than this part of its counted repetitions is marked."""

EXTERNAL = frozenset(
    [detector.name for detector in DETECTORS if detector.external]
    + [detector.name for detector in DEVICE_DETECTORS if detector.external]
)
"""Disturbances that come from outside the run: what is measured cannot have caused them."""

_REMEDIES = REMEDIES | {detector.name: detector.remedy for detector in DEVICE_DETECTORS}


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Over the counted repetitions: how many there are, how many are marked, and each detector's count, most first."""

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
    """What disturbed the counted ones among ``repetitions``."""
    judged = counted(repetitions)
    names = Counter(name for r in judged for name in {spoiler.detector for spoiler in r.spoilers})
    ordered = dict(sorted(names.items(), key=lambda item: (-item[1], item[0])))
    return Disturbance(len(judged), sum(bool(r.spoilers) for r in judged), ordered)
