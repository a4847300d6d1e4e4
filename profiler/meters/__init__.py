"""Meters: things that read energy, behind one small contract. A meter is a file here and an entry in :data:`METERS`."""

from __future__ import annotations

from profiler.meters.contract import Meter, MeterProbe
from profiler.meters.rapl import Rapl

METERS: tuple[type[Meter], ...] = (Rapl,)
"""Every meter this version knows, best first for the processor it reads."""

__all__ = ["METERS", "Meter", "MeterProbe"]
