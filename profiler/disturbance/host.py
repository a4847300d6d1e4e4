"""What spoils a repetition: read before and after it, never within.

Each detector is one entry of :data:`DETECTORS`; its threshold stands there and nowhere else. What an accelerator tells
is judged in :mod:`profiler.disturbance.device`.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from profiler.records.target import Repetition, Spoiler
from profiler.statistics.medians import median

CPUS = Path("/sys/devices/system/cpu")
TASKS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the machine and this process at one moment; seconds, pages and faults, cumulative.

    ``queued_s`` is the time this process's threads were ready and waited for a core (schedstat), ``memory_stall_s``
    that in which some task waited for memory (Documentation/accounting/psi.rst). ``wall_offset_s`` is the wall clock
    less the monotonic one.
    ``frequency_hz`` is the mean clock of this process's cores, 0 where the kernel does not tell.
    """

    at_s: float
    own_cpu_s: float
    busy_s: float
    steal_s: float
    major_faults: int
    swapped_pages: int
    queued_s: float = 0.0
    memory_stall_s: float = 0.0
    wall_offset_s: float = 0.0
    frequency_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Detector:
    """``reading`` turns two states into a figure; past ``threshold`` the repetition is marked.

    ``meaning`` says what it does to the figures, ``remedy`` what to do against it. ``external``: what is measured
    cannot have caused it.
    """

    name: str
    unit: str
    threshold: float
    reading: Callable[[Counters, Counters], float]
    meaning: str
    remedy: str
    external: bool = False


def _per_second(value: float, before: Counters, after: Counters) -> float:
    return value / max(after.at_s - before.at_s, 1e-9)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        "major_faults",
        "faults",
        0,
        lambda a, b: b.major_faults - a.major_faults,
        "pages came from disk: the weights were not resident",
        "free memory, or use a smaller model",
    ),
    Detector(
        "swapping",
        "pages",
        0,
        lambda a, b: b.swapped_pages - a.swapped_pages,
        "the machine swapped: too little memory",
        "free memory, use a smaller model, or swapoff",
    ),
    Detector(
        "memory_pressure",
        "1",
        0.01,
        lambda a, b: _per_second(b.memory_stall_s - a.memory_stall_s, a, b),
        "tasks waited for memory to be freed",
        "free memory, use a smaller model, or raise the container's limit",
    ),
    Detector(
        "cpu_steal",
        "cores",
        0.05,
        lambda a, b: _per_second(b.steal_s - a.steal_s, a, b),
        "the hypervisor gave this machine's cores to others",
        "use a machine with cores of its own, or measure when its neighbours are quiet",
        external=True,
    ),
    Detector(
        "other_load",
        "cores",
        0.15,
        lambda a, b: _per_second((b.busy_s - a.busy_s) - (b.own_cpu_s - a.own_cpu_s), a, b),
        "other processes used the cores",
        "stop them, or leave them cores of their own with --threads",
        external=True,
    ),
    Detector(
        "run_queue",
        "cores",
        0.10,
        lambda a, b: _per_second(b.queued_s - a.queued_s, a, b),
        "the engine's threads were ready and waited for a core",
        "stop other processes, or use fewer --threads",
    ),
    Detector(
        "clock_step",
        "s",
        0.05,
        lambda a, b: abs(b.wall_offset_s - a.wall_offset_s),
        "the wall clock was set: times of other machines and meters do not match",
        "let the clock be slewed (chrony, timesyncd), and measure once it has settled",
    ),
)

FREQUENCY_DRIFT = 0.10
"""A repetition is marked when the cores ended it this much slower than they ended the usual one."""

FREQUENCY_DRIFT_REMEDY = "use the performance governor, and switch turbo off or improve cooling"

REMEDIES = {detector.name: detector.remedy for detector in DETECTORS} | {"frequency_drift": FREQUENCY_DRIFT_REMEDY}
"""What to do against each disturbance of the host."""


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
        queued_s=_queued_s(),
        memory_stall_s=_memory_stall_s(),
        wall_offset_s=time.time() - time.perf_counter(),
        frequency_hz=_frequency_hz(),
    )


def spoilers_between(before: Counters, after: Counters) -> tuple[Spoiler, ...]:
    """Every detector that went past its threshold between two readings."""
    found = []
    for detector in DETECTORS:
        value = detector.reading(before, after)
        if value > detector.threshold:
            found.append(Spoiler(detector.name, float(value), float(detector.threshold), detector.unit))
    return tuple(found)


def mark_frequency_drift(repetitions: Sequence[Repetition], ended: Sequence[Counters]) -> tuple[Repetition, ...]:
    """Mark the repetitions that the cores ended slower than usual, by ``ended``, read right after each."""
    known = [counters.frequency_hz for counters in ended if counters.frequency_hz]
    if not known:
        return tuple(repetitions)
    usual_hz = median(known)
    marked = []
    for repetition, counters in zip(repetitions, ended, strict=True):
        drop = 1 - counters.frequency_hz / usual_hz if counters.frequency_hz else 0.0
        if drop > FREQUENCY_DRIFT:
            spoiler = Spoiler("frequency_drift", drop, FREQUENCY_DRIFT, "1")
            marked.append(replace(repetition, spoilers=(*repetition.spoilers, spoiler)))
        else:
            marked.append(repetition)
    return tuple(marked)


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


def _queued_s() -> float:
    """Run delay of all threads of this process; one that ended takes its share along, which can only hide a wait."""
    waited_ns = 0
    for thread in os.listdir(TASKS) if TASKS.is_dir() else ():  # noqa: PTH208 - a third of the time, names suffice
        try:
            waited_ns += int((TASKS / thread / "schedstat").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return waited_ns / 1e9


def _memory_stall_s() -> float:
    """Seconds since boot."""
    try:
        first = Path("/proc/pressure/memory").read_text().split("\n", 1)[0]
        return int(first.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return 0.0


def _frequency_hz() -> float:
    """Mean of the present clocks of the cores this process may use (cpufreq counts in kHz)."""
    clocks = []
    for core in os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ():
        try:
            clocks.append(int((CPUS / f"cpu{core}/cpufreq/scaling_cur_freq").read_text()) * 1000)
        except (OSError, ValueError):
            return 0.0
    return sum(clocks) / len(clocks) if clocks else 0.0
