"""The machine a run is made on. What it is made of is read by :mod:`profiler.inventory`."""

from __future__ import annotations

import os

import psutil

from profiler.inventory import take_inventory
from profiler.records.host import Host


def read_host() -> Host:
    """Look at this machine without importing an engine; what cannot be had is listed with the reason."""
    return take_inventory(engines=False)


def physical_cores() -> int:
    """Cores this process may use, hyper-threads counted once."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
