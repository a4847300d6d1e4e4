"""MetaX, through ``mx-smi`` (2.1 to 2.3): two lines a device, whose columns moved between versions.

Up to 2.2.4 power stands beside the temperature; from 2.2.9 it leads the second line, and a board has a number besides
its GPU's. So each figure is recognised by its form (``48W / 350W``, ``858/65536 MiB``, an address).
"""

from __future__ import annotations

import re

from profiler.devices.bus.makers import COMPUTE_AND_DISPLAY, Maker
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.tool import Tool
from profiler.devices.screen.two_lines import Lines, Start, Table

MAKER = Maker(
    "MetaX", "CN", ("9999",), COMPUTE_AND_DISPLAY, "mx-smi", sources=("shared/facts/chips.yaml, detection_notes",),
)  # fmt: skip
_DEVICE = re.compile(r"^\|\s*(\d{1,4})\s+(.*?)\s*\|(?:\s*(\d{1,4})\s+\w+\s*\|)?", re.ASCII)


def _start(lines: Lines) -> Start | None:
    start = _DEVICE.match(lines.first)
    if start is None or fields.pci_address(lines.first) is None or not fields.known(start[2]):
        return None
    return int(start[3] or start[1]), start[2], {"state": fields.known(lines.lower[-1])}


TABLE = Table(
    "mx-smi",
    MAKER,
    "MX-SMI",
    {
        "driver_version": r"Kernel Mode Driver Version:\s*([\w.\-]+)",
        "maca_version": r"MACA Version:\s*([\w.\-]+)",
        "vbios_version": r"BIOS Version:\s*([\w.\-]+)",
    },
    _start,
    utilisation=lambda lines: lines.upper[-1],
)
TOOL = Tool("mx-smi", MAKER, ("",), TABLE.cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
DEVICE = Device("MetaX", maker=MAKER, tools=(TOOL,), shared_objects=("mcblas",))
