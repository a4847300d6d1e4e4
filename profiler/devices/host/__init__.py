"""The host's own meters: RAPL, hwmon sensors, batteries."""

from __future__ import annotations

from profiler.devices.device import Device
from profiler.devices.host.battery import Battery
from profiler.devices.host.hwmon import Hwmon
from profiler.devices.host.rapl import Rapl

DEVICE = Device("host", rank=0, meters=(Rapl, Hwmon, Battery))
