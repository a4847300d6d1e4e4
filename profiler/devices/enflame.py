"""Enflame, through ``efsmi`` (1.2 to 1.7).

``efsmi -q`` prints a block of ``key : value`` lines a device; its names of the memory figures changed between 1.2
(``Mem Size``, ``Mem Usage``, which counts what the driver reserves) and 1.4 (``Total Size``, ``Used Size``). The table
that ``efsmi`` draws has no memory in use; it is read if ``-q`` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from profiler.devices.bus.makers import COMPUTE, Maker
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers, Tool

MAKER = Maker("Enflame", "CN", ("1e36",), COMPUTE, "efsmi", sources=("pci.ids",))
BANNER = "EFSMI"
_BLOCK = re.compile(r"^\s*DEV ID (\d{1,4})\s*$", re.ASCII | re.MULTILINE)
_FIRST = re.compile(r"^(\d{1,4})\s+(\S.*)$", re.ASCII)
_CELLS = 3


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a device, from the blocks or else from the table."""
    return tuple(_from_blocks(answers.get("-q", ""))) or tuple(_from_table(answers.get("", "")))


def _from_blocks(text: str) -> Iterator[Card]:
    parts = _BLOCK.split(text)
    for index, block in zip(parts[1::2], parts[2::2], strict=True):
        facts = fields.pairs(block)
        name, total = fields.known(facts.get("Dev Name")), _mib(facts, "Total Size", "Mem Size")
        if name is None or total is None:
            continue
        sensors = Sensors(
            power_w=fields.watts(facts.get("Cur Power"), rf"^{FIGURE}\s*W"),
            power_limit_w=fields.watts(facts.get("Power Capa"), rf"^{FIGURE}\s*W"),
            temperature_c=fields.celsius(facts.get("GCU Temp"), rf"^{FIGURE}"),
            utilisation=fields.share(facts.get("GCU Usage"), rf"^{FIGURE}\s*%"),
            memory_used_bytes=_mib(facts, "Used Size", "Mem Usage"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(index),
            "pci_address": fields.pci_address("{Domain}:{Bus}:{Dev}.{Func}".format_map(_Missing(facts))),
            "pci_id": _pci_id(facts),
            "driver_version": fields.known(facts.get("Ver")),
            "board_part_number": fields.known(facts.get("Dev PN")),
            "serial": fields.known(facts.get("Dev SN")),
            "uuid": fields.known(facts.get("Dev UUID")),
        }
        yield make_card("efsmi", MAKER, _full(name), details, sensors)


def _from_table(text: str) -> Iterator[Card]:
    driver = re.search(r"Driver Ver:\s*([\w.\-]+)", text)
    rows = [fields.cells(line) for line in text.splitlines()] if BANNER in text else []
    for first, second in pairwise(rows):
        start = _FIRST.match(first[0])
        total = fields.mebibytes(second[1], rf"^{COUNT}\s*MiB") if len(second) == _CELLS else None
        if start is None or len(first) != _CELLS or fields.pci_address(first[2]) is None or total is None:
            continue
        sensors = Sensors(
            power_w=fields.watts(second[0], rf"{FIGURE}\s*W\s*(?:/\s*)?\d"),
            power_limit_w=fields.watts(second[0], rf"W\s*(?:/\s*)?{FIGURE}\s*W"),
            temperature_c=fields.celsius(second[0], rf"^{FIGURE}"),
            utilisation=fields.share(second[2], rf"^{FIGURE}\s*%"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(start[1]),
            "pci_address": fields.pci_address(first[2]),
            "driver_version": driver[1] if driver else None,
            "firmware_version": fields.known(first[1]),
            "serial": fields.known(second[2].partition("%")[2]),
        }
        yield make_card("efsmi", MAKER, _full(start[2]), details, sensors)


def _full(name: str) -> str:
    return name if name.startswith("Enflame") else f"Enflame {name}"


class _Missing(dict[str, str]):
    """A missing part makes the whole address invalid."""

    def __missing__(self, key: str) -> str:
        return "?"


def _mib(facts: dict[str, str], *names: str) -> int | None:
    """Return bytes from the first of ``names`` that holds MiB."""
    sizes = (fields.mebibytes(facts.get(name), rf"^{COUNT}\s*MiB") for name in names)
    return next((size for size in sizes if size is not None), None)


def _pci_id(facts: dict[str, str]) -> str | None:
    match = re.fullmatch(r"([0-9a-f]{4}):([0-9a-f]{4})", f"{facts.get('Vendor ID')}:{facts.get('Device ID')}".lower())
    return match[0] if match else None


TOOL = Tool(
    "efsmi", MAKER, ("-q", ""), cards, device_types=("gcu",), visible=("TOPS_VISIBLE_DEVICES",), watched=("-q", ""),
)  # fmt: skip
DEVICE = Device("Enflame", maker=MAKER, tools=(TOOL,), packages=("torch[-_]gcu",))
