"""Iluvatar CoreX through ``ixsmi`` (CoreX 3.0 to 4.4): two lines a GPU.

A board of two GPUs (BI-V150, MR-V100 DUO) tells its power with one of them only; the other prints ``N/A``. A GPU that
fell off the bus prints 65535 W.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from profiler.devices.screen.card import Card
from profiler.devices.screen.fields import (
    FIGURE,
    cells,
    pci_address,
    present,
)  # fmt: skip
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import details_of, sensors_of, total_bytes
from profiler.records.host import Component

_FIRST = re.compile(r"^(\d{1,4})\s+(\S.*)$", re.ASCII)
_CELLS = 3
BANNER = "IX-ML"
SHARED_POWER = "board, which it may share with a GPU that tells no power"


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card a GPU; a row counts as one if an address stands in it and a memory size in the row below."""
    text = answers.get("", "")
    if BANNER not in text:
        return ()
    versions = {
        "driver_version": re.search(r"Driver Version:\s*([\w.\-]+)", text),
        "ixml_version": re.search(r"IX-ML:\s*([\w.\-]+)", text),
    }
    rows = [cells(line) for line in text.splitlines()]
    found = []
    for first, second in pairwise(rows):
        start, address = _FIRST.match(first[0]), pci_address(first[1] if len(first) > 1 else "")
        if start is None or address is None or len(second) != _CELLS:
            continue
        total = total_bytes(second)
        if total is None:
            continue
        sensors = sensors_of(second, rf"/\s*{FIGURE}\s*W")
        details = details_of(int(start[1]), address, sensors, versions)
        part = Component("accelerator", start[2], "Iluvatar CoreX", "CN", present(details), "ixsmi")
        found.append(Card(part, sensors))
    return _with_scope(tuple(found))


def _with_scope(found: tuple[Card, ...]) -> tuple[Card, ...]:
    """Where a GPU tells no power, that of the others may be of two."""
    if all(card.sensors.power_w is not None for card in found):
        return found
    return tuple(
        card if card.sensors.power_w is None else replace(card, sensors=replace(card.sensors, power_scope=SHARED_POWER))
        for card in found
    )


TOOL = Tool("ixsmi", "1e3e", ("",), cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
