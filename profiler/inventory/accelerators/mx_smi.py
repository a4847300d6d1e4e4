"""MetaX through ``mx-smi`` (2.1 to 2.3): two lines a device, whose columns moved between versions.

Up to 2.2.4 power stands beside the temperature, from 2.2.9 it leads the second line. So each figure is known by its own
form (``48W / 350W``, ``858/65536 MiB``, an address) and not by its place.
"""

from __future__ import annotations

import re

from profiler.inventory.accelerators.fields import cells, mebibytes, number, pci_address, present, told
from profiler.inventory.accelerators.tool import Answers, Tool
from profiler.record import Component

_DEVICE = re.compile(r"^\|\s*(\d{1,4})\s+(.*?)\s*\|")


def parse(answers: Answers) -> tuple[Component, ...]:
    """One component a device: a row with an address, and the row after it."""
    lines = answers.get("", "").splitlines()
    head = "\n".join(lines)
    versions = {
        "driver_version": re.search(r"Kernel Mode Driver Version:\s*([\w.\-]+)", head),
        "maca_version": re.search(r"MACA Version:\s*([\w.\-]+)", head),
        "vbios_version": re.search(r"BIOS Version:\s*([\w.\-]+)", head),
    }
    found = []
    for at, line in enumerate(lines[:-1]):
        start = _DEVICE.match(line)
        address = pci_address(line)
        total = mebibytes(lines[at + 1], r"\d+\s*/\s*(\d+)\s*MiB")
        if start is None or address is None or total is None or not told(start[2]):
            continue
        details = {
            "index": int(start[1]),
            "pci_address": address,
            "total_bytes": total,
            "power_limit_w": number(lines[at + 1], r"W\s*/\s*(\d+(?:\.\d+)?)\s*W"),
            "state": told(cells(lines[at + 1])[-1]),
            **{key: match[1] for key, match in versions.items() if match},
        }
        found.append(Component("accelerator", start[2], "MetaX", "CN", present(details), "mx-smi"))
    return tuple(found)


TOOL = Tool("mx-smi", "9999", ("",), parse)
