"""The processor cores of the machine."""

from __future__ import annotations

import os

import psutil


def physical_cores() -> int:
    """Count the cores this process may use, hyper-threads once."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
