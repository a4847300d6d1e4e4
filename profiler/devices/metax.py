"""MetaX through ``mx-smi`` (2.1 to 2.3): two lines a device, whose columns moved between versions.

Up to 2.2.4 power stands beside the temperature; from 2.2.9 it leads the second line, and a board has its own number
beside its GPU's. So each figure is found by its form (``48W / 350W``, ``858/65536 MiB``, an address).
"""

from __future__ import annotations

import re
from typing import Any

from profiler.devices.device import Device
from profiler.devices.screen.card import Card
from profiler.devices.screen.fields import pci_address, told
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import Lines, Table

_DEVICE = re.compile(r"^\|\s*(\d{1,4})\s+(.*?)\s*\|(?:\s*(\d{1,4})\s+\w+\s*\|)?", re.ASCII)


def _start(lines: Lines) -> tuple[int, str, dict[str, Any]] | None:
    start = _DEVICE.match(lines.first)
    if start is None or pci_address(lines.first) is None or not told(start[2]):
        return None
    return int(start[3] or start[1]), start[2], {"state": told(lines.lower[-1])}


_TABLE = Table(
    "mx-smi",
    "MetaX",
    "MX-SMI",
    {
        "driver_version": r"Kernel Mode Driver Version:\s*([\w.\-]+)",
        "maca_version": r"MACA Version:\s*([\w.\-]+)",
        "vbios_version": r"BIOS Version:\s*([\w.\-]+)",
    },
    _start,
    utilisation=lambda lines: lines.upper[-1],
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a device: a row with an address, and the row after it."""
    return _TABLE.cards(answers.get("", ""))


TOOL = Tool("mx-smi", "9999", ("",), cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
DEVICE = Device("MetaX", tools=(TOOL,))
