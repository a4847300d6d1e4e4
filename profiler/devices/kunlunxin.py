"""Kunlunxin, through ``xpu_smi`` or ``xpu-smi``: one wide table in XRE 4, three lines a device in XRE 5.

The lines of ``xpu_smi -m`` are not read: they hold power in milliwatts on a K200 and in watts on a P800, without a
unit. Intel ships an unrelated program named ``xpu-smi``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from profiler.devices.bus.makers import COMPUTE, Maker
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import Table, three_cells

MAKER = Maker(
    "Baidu (Kunlunxin)",
    "CN",
    ("1d22", "2057"),
    COMPUTE,
    "xpu-smi",
    sources=("pci.ids", "2057: xpu-smi -q on a P800 PCIe, driver 5.0.21.26, in comments of a ZStack agent"),
)
_BOXES = Table(
    "xpu-smi",
    MAKER,
    "XPU-SMI",
    {"driver_version": r"Driver Version:\s*([\w.\-]+)", "xre_version": r"XPU-RT Version:\s*([\w.\-]+)"},
    three_cells(r"^(\d{1,4})\s+(\S.*?)(?:\s+(?:N/A|On|Off))?$"),
    utilisation=lambda lines: lines.lower[2],
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a device. Both chips of a K200 have one address and print the same watts: the board's."""
    read = _BOXES.cards(answers) or tuple(_from_table(answers.get("", "")))
    at = Counter(card.component.details.get("pci_address") for card in read)
    del at[None]
    shared = [at[card.component.details.get("pci_address")] for card in read]
    return tuple(
        card.with_power_scope(f"board of {chips} chips") if chips > 1 else card
        for card, chips in zip(read, shared, strict=True)
    )


def _from_table(text: str) -> Iterator[Card]:
    driver = re.search(r"Driver Version:\s*([\w.\-]+)", text)
    runtime = re.search(r"Runtime Version:\s*([\w.\-]+)", text)
    rows = (fields.cells(line) for line in text.splitlines())
    for row in fields.rows_under(lambda cells: "DevID" in cells, rows):
        index, name = fields.number(row["DevID"], r"^(\d{1,4})$"), fields.known(row.get("Model"))
        memory = row.get("Memory")
        total = fields.mebibytes(memory, rf"/\s*{COUNT}\s*MB")
        if index is None or name is None or total is None:
            continue
        sensors = Sensors(
            power_w=fields.watts(row.get("Power(W)"), rf"^{FIGURE}$"),
            temperature_c=fields.celsius(row.get("Temp"), rf"^{FIGURE}$"),
            utilisation=fields.share(row.get("UseRate"), rf"^{FIGURE}\s*%"),
            memory_used_bytes=fields.mebibytes(memory, rf"^{COUNT}\s*/"),
            memory_total_bytes=total,
        )
        details = {
            "index": int(index),
            "pci_address": fields.pci_address(row.get("PCI Addr")),
            "driver_version": driver[1] if driver else None,
            "xre_version": runtime[1] if runtime else None,
            "firmware_version": fields.known(row.get("Firmware Version")),
            "serial": fields.known(row.get("SN")),
        }
        yield make_card("xpu-smi", MAKER, name, details, sensors)


TOOL = Tool(
    "xpu-smi",
    MAKER,
    ("",),
    cards,
    device_types=("cuda", "xpu"),
    visible=("XPU_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    shared_name=True,
)
OLD_TOOL = replace(TOOL, name="xpu_smi", shared_name=False)
"""The name in XRE 4, which XRE 5 still has."""

DEVICE = Device("Kunlunxin", maker=MAKER, tools=(TOOL, OLD_TOOL))
