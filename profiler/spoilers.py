"""What spoils a repetition: read before and after it, never within.

Each detector is one entry of :data:`DETECTORS`; its threshold stands there and nowhere else.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from profiler.record import Spoiler


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative counters of the machine and this process at one moment; seconds, pages and faults."""

    at_s: float
    own_cpu_s: float
    busy_s: float
    steal_s: float
    major_faults: int
    swapped_pages: int


@dataclass(frozen=True, slots=True)
class Detector:
    """``reading`` turns two states into a figure; past ``threshold`` the repetition is marked."""

    name: str
    unit: str
    threshold: float
    reading: Callable[[Counters, Counters], float]
    meaning: str


def _per_second(value: float, before: Counters, after: Counters) -> float:
    return value / max(after.at_s - before.at_s, 1e-9)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        "major_faults",
        "faults",
        0,
        lambda a, b: b.major_faults - a.major_faults,
        "pages came from disk: the weights were not resident",
    ),
    Detector(
        "swapping", "pages", 0, lambda a, b: b.swapped_pages - a.swapped_pages, "the machine swapped: too little memory"
    ),
    Detector(
        "cpu_steal",
        "cores",
        0.05,
        lambda a, b: _per_second(b.steal_s - a.steal_s, a, b),
        "the hypervisor gave this machine's cores to others",
    ),
    Detector(
        "other_load",
        "cores",
        0.15,
        lambda a, b: _per_second((b.busy_s - a.busy_s) - (b.own_cpu_s - a.own_cpu_s), a, b),
        "other processes used the cores",
    ),
)


def read_counters() -> Counters:
    """The counters now; those the system does not offer read 0 and can then not trigger."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    busy, steal = _processor_times()
    return Counters(
        at_s=time.perf_counter(),
        own_cpu_s=usage.ru_utime + usage.ru_stime,
        busy_s=busy,
        steal_s=steal,
        major_faults=usage.ru_majflt,
        swapped_pages=_swapped_pages(),
    )


def spoilers_between(before: Counters, after: Counters) -> tuple[Spoiler, ...]:
    """Every detector that went past its threshold between two readings."""
    found = []
    for detector in DETECTORS:
        value = detector.reading(before, after)
        if value > detector.threshold:
            found.append(Spoiler(detector.name, float(value), float(detector.threshold), detector.unit))
    return tuple(found)


def _processor_times() -> tuple[float, float]:
    """Busy and stolen seconds summed over all cores, from ``/proc/stat`` (fields as in proc(5))."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        return 0.0, 0.0
    hertz = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks[:8]
    return (user + nice + system + irq + softirq) / hertz, steal / hertz


def _swapped_pages() -> int:
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("pswpin ", "pswpout ")))
