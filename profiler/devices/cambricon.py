"""Cambricon, through ``cnmon`` (4.20 to 6.x): two lines a card.

Version 4 prints the driver in every row where version 5 prints the PCI address. ``cnmon info -j`` reports more, but
writes its file into the working folder and not to standard output.
"""

from __future__ import annotations

import re

from profiler.devices.bus.makers import COMPUTE, Maker
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.tool import Tool
from profiler.devices.screen.two_lines import Lines, Start, Table

MAKER = Maker("Cambricon", "CN", ("cabc",), COMPUTE, "cnmon", sources=("pci.ids",))
_CARD = re.compile(r"^(\d{1,4})\s+(\S+)\s+(\S+)(?:\s+(v[\w.\-]+))?$", re.ASCII)


def _start(lines: Lines) -> Start | None:
    upper = lines.upper
    start = _CARD.match(upper[0])
    if start is None or len(upper) < 2 or len(lines.lower) < 2:
        return None
    driver = re.search(r"\b(v\d[\w.\-]*)", upper[1])
    details = {
        "pci_address": fields.pci_address(upper[1]),
        "firmware_version": fields.known(start[4] or ""),
        "virtual_function": fields.known(start[2]),
        **({"driver_version": driver[1]} if driver else {}),
    }
    return int(start[1]), start[3], details


TABLE = Table(
    "cnmon",
    MAKER,
    "CNMON",
    {"driver_version": r"Driver (v[\w.\-]+)"},
    _start,
    utilisation=lambda lines: lines.upper[2] if len(lines.upper) > 2 else "",
)
TOOL = Tool("cnmon", MAKER, ("",), TABLE.cards, device_types=("mlu",), visible=("MLU_VISIBLE_DEVICES",))
DEVICE = Device(
    "Cambricon", maker=MAKER, tools=(TOOL,), packages=("torch[-_]mlu",), shared_objects=("cnnl", "cnrt"),
)  # fmt: skip
