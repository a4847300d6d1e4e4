"""What spoils a repetition on the host: read before and after each repetition, never during it.

Each detector, with its threshold, is one entry of :data:`DETECTORS`. :mod:`profiler.disturbance.device` judges
accelerators.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from profiler.disturbance.detector import Detector, spoilers
from profiler.records.target import Repetition, Spoiler
from profiler.statistics.medians import median

CPUS = Path("/sys/devices/system/cpu")
TASKS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the machine and this process at one moment; seconds, pages and faults, cumulative.

    ``queued_s`` is the time this process's threads were ready and waited for a core (schedstat); ``memory_stall_s`` is
    the time some task waited for memory (Documentation/accounting/psi.rst). ``wall_offset_s`` is the wall clock minus
    the monotonic clock. ``frequency_hz`` is the mean clock of this process's cores, 0 if the kernel does not expose it.
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


def _per_second(value: float, before: Counters, after: Counters) -> float:
    return value / max(after.at_s - before.at_s, 1e-9)


DETECTORS = (
    # Pages came from disk: the weights were not resident.
    Detector(
        "major_faults", "faults", 0, lambda a, b: b.major_faults - a.major_faults,
        "free memory, or use a smaller model",
    ),
    Detector(
        "swapping", "pages", 0, lambda a, b: b.swapped_pages - a.swapped_pages,
        "free memory, use a smaller model, or swapoff",
    ),
    # Tasks waited for memory to be freed.
    Detector(
        "memory_pressure", "1", 0.01, lambda a, b: _per_second(b.memory_stall_s - a.memory_stall_s, a, b),
        "free memory, use a smaller model, or raise the container's limit",
    ),
    # The hypervisor gave this machine's cores to others.
    Detector(
        "cpu_steal", "cores", 0.05, lambda a, b: _per_second(b.steal_s - a.steal_s, a, b),
        "use a machine with dedicated cores, or measure when its neighbours are quiet", external=True,
    ),
    Detector(
        "other_load", "cores", 0.15,
        lambda a, b: _per_second((b.busy_s - a.busy_s) - (b.own_cpu_s - a.own_cpu_s), a, b),
        "stop other processes, or reserve cores for them with --threads", external=True,
    ),
    # The engine's threads were ready and waited for a core.
    Detector(
        "run_queue", "cores", 0.10, lambda a, b: _per_second(b.queued_s - a.queued_s, a, b),
        "stop other processes, or use fewer --threads",
    ),
    # The wall clock was set: times of other machines and meters do not match.
    Detector(
        "clock_step", "s", 0.05, lambda a, b: abs(b.wall_offset_s - a.wall_offset_s),
        "let the clock be slewed (chrony, timesyncd), and measure once it has settled",
    ),
)  # fmt: skip
"""Each reads the counters before and after a repetition."""

FREQUENCY_DRIFT = Detector(
    "frequency_drift", "1", 0.10, lambda clock_hz, usual_hz: 1 - clock_hz / usual_hz if clock_hz else None,
    "use the performance governor, and switch turbo off or improve cooling",
)  # fmt: skip
"""Reads the cores' clock at the end of a repetition, and at the end of the usual one."""


def read_counters() -> Counters:
    """Read the counters now. Those the system does not offer read 0 and never trigger."""
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
    """Return the readings past their threshold between two moments."""
    return spoilers(DETECTORS, before, after)


def mark_frequency_drift(repetitions: Sequence[Repetition], ended: Sequence[Counters]) -> tuple[Repetition, ...]:
    """Mark repetitions whose cores ended slower than usual; ``ended`` was read right after each."""
    known = [counters.frequency_hz for counters in ended if counters.frequency_hz]
    if not known:
        return tuple(repetitions)
    usual_hz = median(known)
    return tuple(
        replace(run, spoilers=(*run.spoilers, *spoilers((FREQUENCY_DRIFT,), counters.frequency_hz, usual_hz)))
        for run, counters in zip(repetitions, ended, strict=True)
    )


def _processor_times() -> tuple[float, float]:
    """Return busy and stolen seconds of all cores together, from ``/proc/stat`` (fields as in proc(5))."""
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
    """Return the run delay of this process's threads; a thread that ended is missing, which can only hide a wait."""
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
