"""How much memory a process used, and how much is available."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import psutil

from profiler.records.target import MemoryReading

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CGROUP_USED = Path("/sys/fs/cgroup/memory.current")


def read_memory() -> MemoryReading:
    """Return this process's high-water mark and present split, as the kernel counts them."""
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1 if sys.platform == "darwin" else 1024
        return MemoryReading(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, None, None)
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())

    def kib(name: str) -> int | None:
        return int(fields[name].split()[0]) * 1024 if name in fields else None

    peak = kib("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return MemoryReading(peak, kib("RssAnon"), kib("RssFile"))


def available_bytes() -> int:
    """Return the memory available without swapping, within the container's limit if there is one."""
    available = psutil.virtual_memory().available
    try:
        limit = int(_CGROUP_LIMIT.read_text()) - int(_CGROUP_USED.read_text())
    except (OSError, ValueError):
        return available
    return min(available, max(0, limit))
