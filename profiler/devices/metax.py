"""MetaX through ``mx-smi`` (2.1 to 2.3): two lines a device, whose columns moved between versions.

Up to 2.2.4 power stands beside the temperature; from 2.2.9 it leads the second line, and a board has a number of its
own beside its GPU's. So each figure is known by its form (``48W / 350W``, ``858/65536 MiB``, an address).
"""

from __future__ import annotations

import re

from profiler.devices.screen.card import Card, Sensors
from profiler.devices.screen.fields import (
    COUNT,
    FIGURE,
    cells,
    celsius,
    mebibytes,
    pci_address,
    present,
    share,
    told,
    watts,
)  # fmt: skip
from profiler.devices.screen.tool import Answers, Tool
from profiler.records.host import Component

_DEVICE = re.compile(r"^\|\s*(\d{1,4})\s+(.*?)\s*\|(?:\s*(\d{1,4})\s+\w+\s*\|)?", re.ASCII)


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card a device: a row with an address, and the row after it."""
    head = answers.get("", "")
    lines = head.splitlines() if "MX-SMI" in head else []
    versions = {
        "driver_version": re.search(r"Kernel Mode Driver Version:\s*([\w.\-]+)", head),
        "maca_version": re.search(r"MACA Version:\s*([\w.\-]+)", head),
        "vbios_version": re.search(r"BIOS Version:\s*([\w.\-]+)", head),
    }
    found = []
    for at, line in enumerate(lines[:-1]):
        start, second = _DEVICE.match(line), lines[at + 1]
        address = pci_address(line)
        total = mebibytes(second, rf"\d\s*/\s*{COUNT}\s*MiB")
        if start is None or address is None or total is None or not told(start[2]):
            continue
        sensors = Sensors(
            power_w=watts(second, rf"{FIGURE}\s*W\s*/"),
            power_limit_w=watts(second, rf"W\s*/\s*{FIGURE}\s*W"),
            temperature_c=celsius(second, rf"{FIGURE}\s*C\b"),
            utilisation=share(cells(line)[-1], rf"^{FIGURE}\s*%"),
            memory_used_bytes=mebibytes(second, rf"{COUNT}\s*/\s*\d+\s*MiB"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(start[3] or start[1]),
            "pci_address": address,
            "total_bytes": total,
            "power_limit_w": sensors.power_limit_w,
            "state": told(cells(second)[-1]),
            **{key: match[1] for key, match in versions.items() if match},
        }
        found.append(Card(Component("accelerator", start[2], "MetaX", "CN", present(details), "mx-smi"), sensors))
    return tuple(found)


TOOL = Tool("mx-smi", "9999", ("",), cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
