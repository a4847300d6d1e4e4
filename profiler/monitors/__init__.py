"""Monitors: things that tell an accelerator's state while it works. A monitor is a file here and an entry here."""

from __future__ import annotations

from profiler.monitors.contract import Monitor
from profiler.monitors.nvml import NvmlMonitor

MONITORS: tuple[type[Monitor], ...] = (NvmlMonitor,)
"""Every monitor this version knows; the first that covers an accelerator watches it."""

__all__ = ["MONITORS", "Monitor"]
