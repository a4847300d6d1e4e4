"""The plug-in for Moore Threads."""

from __future__ import annotations

from profiler.devices.device import Device
from profiler.devices.moore_threads.mthreads_gmi import TOOL
from profiler.devices.moore_threads.mtml import MtmlMonitor

DEVICE = Device("Moore Threads", tools=(TOOL,), monitors=(MtmlMonitor,))
