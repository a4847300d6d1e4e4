"""The energy meters of every installed device plug-in."""

from __future__ import annotations

from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.faults import FAULTS
from profiler.devices.plugins import installed

METERS: tuple[type[Meter], ...] = installed().meters
"""Every meter that is found automatically. A wall-socket meter is named by the user: :mod:`profiler.devices.wall`."""

__all__ = ["FAULTS", "METERS", "Look", "Meter", "MeterLostError", "MeterProbe"]
