"""Monitors: things that tell an accelerator's state while it works. A monitor is a file here and an entry here."""

from __future__ import annotations

from profiler.devices.catalogue import TOOLS
from profiler.devices.monitor import Monitor
from profiler.devices.moore_threads.mtml import MtmlMonitor
from profiler.devices.nvidia.monitor import NvmlMonitor
from profiler.devices.screen.monitor import monitor_of

MONITORS: tuple[type[Monitor], ...] = (NvmlMonitor, MtmlMonitor, *(monitor_of(tool) for tool in TOOLS))
"""Every monitor this version knows; the first that covers an accelerator watches it: a library before a program."""

__all__ = ["MONITORS", "Monitor"]
