"""Intel GPUs: known by their PCI identification only."""

from __future__ import annotations

from profiler.devices.device import Device

DEVICE = Device("Intel", vendor_id="8086", device_types=("xpu",))
