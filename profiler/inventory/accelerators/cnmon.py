"""Cambricon through ``cnmon`` (4.20 to 6.x): two lines a card.

Version 4 prints the driver in every row where version 5 prints the PCI address; ``cnmon info -j`` would tell more, but
writes its file into the working folder and not to standard output.
"""

from __future__ import annotations

import re

from profiler.inventory.accelerators.fields import cells, mebibytes, number, pci_address, present, told
from profiler.inventory.accelerators.tool import Answers, Tool
from profiler.record import Component

_CARD = re.compile(r"^(\d{1,4})\s+(\S+)\s+(\S+)(?:\s+(v[\w.\-]+))?$")


def parse(answers: Answers) -> tuple[Component, ...]:
    """One component a card."""
    text = answers.get("", "")
    driver = re.search(r"Driver (v[\w.\-]+)", text)
    lines = text.splitlines()
    found = []
    for at, line in enumerate(lines[:-1]):
        row, second = cells(line), cells(lines[at + 1])
        start = _CARD.match(row[0])
        if start is None or len(row) < 2 or len(second) < 2:
            continue
        total = mebibytes(second[1], r"MiB\s*/\s*(\d+)\s*MiB")
        if total is None:
            continue
        own = re.search(r"\b(v\d[\w.\-]*)", row[1])
        details = {
            "index": int(start[1]),
            "pci_address": pci_address(row[1]),
            "total_bytes": total,
            "driver_version": driver[1] if driver else own[1] if own else None,
            "firmware_version": told(start[4] or ""),
            "power_limit_w": number(second[0], r"W\s*/\s*(\d+(?:\.\d+)?)\s*W"),
            "virtual_function": told(start[2]),
        }
        found.append(Component("accelerator", start[3], "Cambricon", "CN", present(details), "cnmon"))
    return tuple(found)


TOOL = Tool("cnmon", "cabc", ("",), parse)
