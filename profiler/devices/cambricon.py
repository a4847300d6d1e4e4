"""Cambricon through ``cnmon`` (4.20 to 6.x): two lines a card.

Version 4 prints the driver in every row where version 5 prints the PCI address; ``cnmon info -j`` would tell more, but
writes its file into the working folder and not to standard output.
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

_CARD = re.compile(r"^(\d{1,4})\s+(\S+)\s+(\S+)(?:\s+(v[\w.\-]+))?$", re.ASCII)


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card for each two lines."""
    text = answers.get("", "")
    driver = re.search(r"Driver (v[\w.\-]+)", text)
    lines = text.splitlines() if "CNMON" in text else []
    found = []
    for at, line in enumerate(lines[:-1]):
        row, second = cells(line), cells(lines[at + 1])
        start = _CARD.match(row[0])
        if start is None or len(row) < 2 or len(second) < 2:
            continue
        total = mebibytes(second[1], rf"MiB\s*/\s*{COUNT}\s*MiB")
        if total is None:
            continue
        own = re.search(r"\b(v\d[\w.\-]*)", row[1])
        sensors = Sensors(
            power_w=watts(second[0], rf"{FIGURE}\s*W\s*/"),
            power_limit_w=watts(second[0], rf"W\s*/\s*{FIGURE}\s*W"),
            temperature_c=celsius(second[0], rf"{FIGURE}\s*C\b"),
            utilisation=share(row[2], rf"^{FIGURE}\s*%") if len(row) > 2 else None,
            memory_used_bytes=mebibytes(second[1], rf"^{COUNT}\s*MiB\s*/"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(start[1]),
            "pci_address": pci_address(row[1]),
            "total_bytes": total,
            "driver_version": driver[1] if driver else own[1] if own else None,
            "firmware_version": told(start[4] or ""),
            "power_limit_w": sensors.power_limit_w,
            "virtual_function": told(start[2]),
        }
        found.append(Card(Component("accelerator", start[3], "Cambricon", "CN", present(details), "cnmon"), sensors))
    return tuple(found)


TOOL = Tool("cnmon", "cabc", ("",), cards, device_types=("mlu",), visible=("MLU_VISIBLE_DEVICES",))
