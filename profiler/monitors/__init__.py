"""Monitors: things that tell an accelerator's state while it works. A monitor is a file here and an entry here."""

from __future__ import annotations

from profiler.inventory.accelerators import TOOLS
from profiler.monitors.contract import Monitor
from profiler.monitors.mtml import MtmlMonitor
from profiler.monitors.nvml import NvmlMonitor
from profiler.monitors.vendor_tool import monitor_of

MONITORS: tuple[type[Monitor], ...] = (NvmlMonitor, MtmlMonitor, *(monitor_of(tool) for tool in TOOLS))
"""Every monitor this version knows; the first that covers an accelerator watches it: a library before a program."""

__all__ = ["MONITORS", "Monitor"]
