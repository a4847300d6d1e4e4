"""A meter at the wall socket: rows that a logger appends to a CSV file, or an address that answers JSON.

It sees the whole machine, power supply and fans included, and is named by the user (``--wall-meter``), not found. It is
read beside the hardware's own meter, and alone where there is none.
"""

from __future__ import annotations

from profiler.devices.wall.meter import NAME, Wall, check_wall_meter, probe_wall_meter, public_name
from profiler.devices.wall.source import WallError

ENVIRONMENT = "CHIPASSAY_WALL_METER"
"""Names the wall meter where ``--wall-meter`` does not."""

__all__ = ["ENVIRONMENT", "NAME", "Wall", "WallError", "check_wall_meter", "probe_wall_meter", "public_name"]
