"""The monitors of every installed device plug-in: they report an accelerator's state while it works."""

from __future__ import annotations

from profiler.devices.monitor import Monitor
from profiler.devices.plugins import installed

MONITORS: tuple[type[Monitor], ...] = installed().monitors
"""The first that covers an accelerator watches it."""

__all__ = ["MONITORS", "Monitor"]
