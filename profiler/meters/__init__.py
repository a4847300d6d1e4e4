"""Meters: things that read energy, behind one small contract. A meter is a file here and an entry in :data:`METERS`."""

from __future__ import annotations

from profiler.meters.battery import Battery
from profiler.meters.contract import Look, Meter, MeterLostError, MeterProbe
from profiler.meters.faults import FAULTS
from profiler.meters.hwmon import Hwmon
from profiler.meters.npu_smi import NpuSmi
from profiler.meters.nvml import Nvml
from profiler.meters.rapl import Rapl

METERS: tuple[type[Meter], ...] = (Rapl, Hwmon, Battery, Nvml, NpuSmi)
"""Every meter this version finds by itself, best first for the hardware it reads. One at the wall socket is named by
the user: :mod:`profiler.meters.wall`."""

__all__ = ["FAULTS", "METERS", "Look", "Meter", "MeterLostError", "MeterProbe"]
