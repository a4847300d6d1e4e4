"""Moore Threads through ``mthreads-gmi`` (1.14 to 2.4): three lines a device, divided by two bars.

The table has no power; :mod:`profiler.devices.moore_threads.mtml` reads it through the maker's library.
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
    number,
    pci_address,
    present,
    share,
    told,
)  # fmt: skip
from profiler.devices.screen.tool import Answers, Tool
from profiler.records.host import Component

_FIRST = re.compile(r"^(\d{1,4})\s+(\S.*?)\s*$", re.ASCII)


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card a device; a row counts as one if an address and a memory size stand in it."""
    text = answers.get("", "")
    driver = re.search(r"Driver Version:\s*(\S+)", text)
    lines = text.splitlines() if "mthreads-gmi" in text else []
    rows = [cells(line) for line in lines]
    found = []
    for at, row in enumerate(rows):
        start = _FIRST.match(row[0])
        total = mebibytes(row[-1], rf"\({COUNT}MiB\)")
        if start is None or len(row) != 3 or total is None or pci_address(row[1]) is None:
            continue
        second = rows[at + 1] if at + 1 < len(rows) and len(rows[at + 1]) == 3 else ["", "", ""]
        _, bar, ecc = (lines[at + 2] if at + 2 < len(lines) else "").rpartition("|")
        width = number(second[1], r"^(\d{1,3})x\(")
        maximum = number(second[1], r"\((\d{1,3})x\)")
        details = {
            "index": int(start[1]),
            "pci_address": pci_address(row[1]),
            "total_bytes": total,
            "driver_version": driver[1] if driver else None,
            "device_type": told(re.sub(r"\s+P\d+$", "", second[0])),
            "link_width_lanes": int(width) if width else None,
            "max_link_width_lanes": int(maximum) if maximum else None,
            "ecc": told(ecc) if bar else None,
        }
        sensors = Sensors(
            temperature_c=celsius(second[2], rf"^{FIGURE}\s*C\b"),
            utilisation=share(row[2], rf"^{FIGURE}\s*%"),
            memory_used_bytes=mebibytes(row[2], rf"{COUNT}MiB\("),
            memory_total_bytes=total,
        )
        part = Component("accelerator", start[2], "Moore Threads", "CN", present(details), "mthreads-gmi")
        found.append(Card(part, sensors))
    return tuple(found)


TOOL = Tool("mthreads-gmi", "1ed5", ("",), cards, device_types=("musa",), visible=("MUSA_VISIBLE_DEVICES",))
