"""Cambricon through ``cnmon`` (4.20 to 6.x): two lines a card.

Version 4 prints the driver in every row where version 5 prints the PCI address. ``cnmon info -j`` has more, but writes
its file into the working folder and not to standard output.
"""

from __future__ import annotations

import re
from typing import Any

from profiler.devices.device import Device
from profiler.devices.screen.card import Card
from profiler.devices.screen.fields import pci_address, told
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import Lines, Table

_CARD = re.compile(r"^(\d{1,4})\s+(\S+)\s+(\S+)(?:\s+(v[\w.\-]+))?$", re.ASCII)


def _start(lines: Lines) -> tuple[int, str, dict[str, Any]] | None:
    upper = lines.upper
    start = _CARD.match(upper[0])
    if start is None or len(upper) < 2 or len(lines.lower) < 2:
        return None
    driver = re.search(r"\b(v\d[\w.\-]*)", upper[1])
    details = {
        "pci_address": pci_address(upper[1]),
        "firmware_version": told(start[4] or ""),
        "virtual_function": told(start[2]),
        **({"driver_version": driver[1]} if driver else {}),
    }
    return int(start[1]), start[3], details


_TABLE = Table(
    "cnmon",
    "Cambricon",
    "CNMON",
    {"driver_version": r"Driver (v[\w.\-]+)"},
    _start,
    utilisation=lambda lines: lines.upper[2] if len(lines.upper) > 2 else "",
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card for each two lines."""
    return _TABLE.cards(answers.get("", ""))


TOOL = Tool("cnmon", "cabc", ("",), cards, device_types=("mlu",), visible=("MLU_VISIBLE_DEVICES",))
DEVICE = Device("Cambricon", tools=(TOOL,))
