"""Meters: things that read energy, behind one small contract. A meter is a file here and an entry in :data:`METERS`."""

from __future__ import annotations

from profiler.devices.ascend.meter import NpuSmi
from profiler.devices.host.battery import Battery
from profiler.devices.host.hwmon import Hwmon
from profiler.devices.host.rapl import Rapl
from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.faults import FAULTS
from profiler.devices.nvidia.meter import Nvml

METERS: tuple[type[Meter], ...] = (Rapl, Hwmon, Battery, Nvml, NpuSmi)
"""Every meter this version finds by itself, best first for the hardware it reads. One at the wall socket is named by
the user: :mod:`profiler.devices.wall`."""

__all__ = ["FAULTS", "METERS", "Look", "Meter", "MeterLostError", "MeterProbe"]
