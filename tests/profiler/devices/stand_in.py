"""A meter for machines that have none: a constant power by the clock, and the cost of reading a file of the kernel."""

from __future__ import annotations

import time
from pathlib import Path

from profiler.devices.meters import Look, Meter, MeterProbe

POWER_W = 25.0
PERIOD_S = 0.001


class StandIn(Meter):
    """Counts :data:`POWER_W` in steps of :data:`PERIOD_S`."""

    name = "stand-in"
    covers = "nothing"
    scope = "package"

    def __init__(self) -> None:
        super().__init__()
        self._began = time.perf_counter()

    @classmethod
    def probe(cls, accelerator=None, environment=None) -> MeterProbe:
        """Always there on Linux."""
        return MeterProbe(True, scope=cls.scope)

    @classmethod
    def open(cls, accelerator=None, environment=None) -> StandIn:
        """A new one."""
        return cls()

    def look(self) -> Look:
        """As RAPL would: one file is read."""
        Path("/proc/uptime").read_text()
        steps = (time.perf_counter() - self._began) // PERIOD_S
        return Look(POWER_W * PERIOD_S * steps)

    @property
    def max_interval_s(self) -> float:
        """It never wraps."""
        return 60.0

    @property
    def max_power_w(self) -> float:
        """Much more than it counts."""
        return 500.0
