"""A wall-socket meter: rows that a logger appends to a CSV file, or an address that answers JSON.

It measures the whole machine, power supply and fans included. The user names it (``--wall-meter``); it is sampled
in parallel to the hardware's own meter, or alone without one.
"""

from __future__ import annotations

from profiler.devices.wall.meter import NAME, Wall, check_wall_meter, probe_wall_meter, public_name
from profiler.devices.wall.source import WallError

ENVIRONMENT = "CHIPASSAY_WALL_METER"
"""The environment variable that names the wall meter without ``--wall-meter``."""

__all__ = ["ENVIRONMENT", "NAME", "Wall", "WallError", "check_wall_meter", "probe_wall_meter", "public_name"]
