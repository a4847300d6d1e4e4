"""Intel GPUs, known by their PCI identification only."""

from __future__ import annotations

from profiler.devices.bus.makers import Maker
from profiler.devices.device import Device

MAKER = Maker("Intel", "US", ("8086",), ("0302", "0380", "12"), "xpu-smi", sources=("pci.ids",))
DEVICE = Device(
    "Intel", maker=MAKER, device_types=("xpu",), packages=("torch[-_]xpu", "intel[-_]extension[-_]for[-_]pytorch"),
)  # fmt: skip
