"""Enflame through ``efsmi`` (1.2 to 1.7).

``efsmi -q`` prints a block of ``key : value`` lines a device; its names of the memory figures changed between 1.2
(``Mem Size``, ``Mem Usage``, which counts what the driver reserves) and 1.4 (``Total Size``, ``Used Size``). The table
that ``efsmi`` draws tells no memory in use; it is read where ``-q`` is refused.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from profiler.devices.device import Device
from profiler.devices.screen.card import Card, Sensors
from profiler.devices.screen.fields import (
    COUNT,
    FIGURE,
    cells,
    celsius,
    mebibytes,
    pairs,
    pci_address,
    present,
    share,
    told,
    watts,
)  # fmt: skip
from profiler.devices.screen.tool import Answers, Tool
from profiler.records.host import Component

_BLOCK = re.compile(r"^\s*DEV ID (\d{1,4})\s*$", re.ASCII | re.MULTILINE)
_FIRST = re.compile(r"^(\d{1,4})\s+(\S.*)$", re.ASCII)
_CELLS = 3
BANNER = "EFSMI"


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card a device: from the blocks, or from the table."""
    return _from_blocks(answers.get("-q", "")) or _from_table(answers.get("", ""))


def _from_blocks(text: str) -> tuple[Card, ...]:
    parts = _BLOCK.split(text)
    found = []
    for index, block in zip(parts[1::2], parts[2::2], strict=True):
        said = pairs(block)
        name, total = told(said.get("Dev Name")), _mib(said, "Total Size", "Mem Size")
        if name is None or total is None:
            continue
        sensors = Sensors(
            power_w=watts(said.get("Cur Power"), rf"^{FIGURE}\s*W"),
            power_limit_w=watts(said.get("Power Capa"), rf"^{FIGURE}\s*W"),
            temperature_c=celsius(said.get("GCU Temp"), rf"^{FIGURE}"),
            utilisation=share(said.get("GCU Usage"), rf"^{FIGURE}\s*%"),
            memory_used_bytes=_mib(said, "Used Size", "Mem Usage"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(index),
            "pci_address": pci_address("{Domain}:{Bus}:{Dev}.{Func}".format_map(_Missing(said))),
            "pci_id": _pci_id(said),
            "total_bytes": total,
            "power_limit_w": sensors.power_limit_w,
            "driver_version": told(said.get("Ver")),
            "board_part_number": told(said.get("Dev PN")),
            "serial": told(said.get("Dev SN")),
            "uuid": told(said.get("Dev UUID")),
        }
        found.append(_card(name, details, sensors))
    return tuple(found)


def _from_table(text: str) -> tuple[Card, ...]:
    driver = re.search(r"Driver Ver:\s*([\w.\-]+)", text)
    rows = [cells(line) for line in text.splitlines()] if BANNER in text else []
    found = []
    for first, second in pairwise(rows):
        start = _FIRST.match(first[0])
        total = mebibytes(second[1], rf"^{COUNT}\s*MiB") if len(second) == _CELLS else None
        if start is None or len(first) != _CELLS or pci_address(first[2]) is None or total is None:
            continue
        sensors = Sensors(
            power_w=watts(second[0], rf"{FIGURE}\s*W\s*(?:/\s*)?\d"),
            power_limit_w=watts(second[0], rf"W\s*(?:/\s*)?{FIGURE}\s*W"),
            temperature_c=celsius(second[0], rf"^{FIGURE}"),
            utilisation=share(second[2], rf"^{FIGURE}\s*%"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(start[1]),
            "pci_address": pci_address(first[2]),
            "total_bytes": total,
            "power_limit_w": sensors.power_limit_w,
            "driver_version": driver[1] if driver else None,
            "firmware_version": told(first[1]),
            "serial": told(second[2].partition("%")[2]),
        }
        found.append(_card(start[2], details, sensors))
    return tuple(found)


def _card(name: str, details: dict[str, Any], sensors: Sensors) -> Card:
    full = name if name.startswith("Enflame") else f"Enflame {name}"
    return Card(Component("accelerator", full, "Enflame", "CN", present(details), "efsmi"), sensors)


class _Missing(dict[str, str]):
    """What is not there is no part of an address."""

    def __missing__(self, key: str) -> str:
        return "?"


def _mib(said: dict[str, str], *names: str) -> int | None:
    """Bytes from the first of ``names`` that holds MiB."""
    return next((size for name in names if (size := mebibytes(said.get(name), rf"^{COUNT}\s*MiB")) is not None), None)


def _pci_id(said: dict[str, str]) -> str | None:
    found = re.fullmatch(r"([0-9a-f]{4}):([0-9a-f]{4})", f"{said.get('Vendor ID')}:{said.get('Device ID')}".lower())
    return found[0] if found else None


TOOL = Tool(
    "efsmi", "1e36", ("-q", ""), cards, device_types=("gcu",), visible=("TOPS_VISIBLE_DEVICES",), watched=("-q", ""),
)  # fmt: skip

DEVICE = Device("Enflame", tools=(TOOL,))
