"""Kunlunxin through ``xpu_smi`` or ``xpu-smi``: one wide table in XRE 4, three lines a device in XRE 5.

The lines of ``xpu_smi -m`` are not read: they hold power in milliwatts on a K200 and in watts on a P800, and say
neither. Intel ships another program named ``xpu-smi``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from profiler.devices.device import Device
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
from profiler.devices.screen.two_lines import Table, three_cells
from profiler.records.host import Component

VENDOR = "Baidu (Kunlunxin)"
BANNER = "XPU-SMI"
_BOXES = Table(
    "xpu-smi",
    VENDOR,
    BANNER,
    {"driver_version": r"Driver Version:\s*([\w.\-]+)", "xre_version": r"XPU-RT Version:\s*([\w.\-]+)"},
    three_cells(r"^(\d{1,4})\s+(\S.*?)(?:\s+(?:N/A|On|Off))?$"),
    utilisation=lambda lines: lines.lower[2],
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card a device."""
    text = answers.get("", "")
    found = _BOXES.cards(text) or _from_table(text)
    at = Counter(card.component.details.get("pci_address") for card in found)
    return tuple(_with_scope(card, at[card.component.details.get("pci_address")]) for card in found)


def _from_table(text: str) -> tuple[Card, ...]:
    driver = re.search(r"Driver Version:\s*([\w.\-]+)", text)
    runtime = re.search(r"Runtime Version:\s*([\w.\-]+)", text)
    columns: list[str] = []
    found = []
    for line in text.splitlines():
        row = cells(line)
        if "DevID" in row:
            columns = row if "Memory" in row and "PCI Addr" in row else []
        elif columns and len(row) == len(columns):
            said = dict(zip(columns, row, strict=True))
            index, name = number_of(said["DevID"]), told(said.get("Model"))
            total = mebibytes(said["Memory"], rf"/\s*{COUNT}\s*MB")
            if index is None or name is None or total is None:
                continue
            sensors = Sensors(
                power_w=watts(said.get("Power(W)"), rf"^{FIGURE}$"),
                temperature_c=celsius(said.get("Temp"), rf"^{FIGURE}$"),
                utilisation=share(said.get("UseRate"), rf"^{FIGURE}\s*%"),
                memory_used_bytes=mebibytes(said["Memory"], rf"^{COUNT}\s*/"),
                memory_total_bytes=total,
            )
            details = {
                "index": index,
                "pci_address": pci_address(said["PCI Addr"]),
                "total_bytes": total,
                "driver_version": driver[1] if driver else None,
                "xre_version": runtime[1] if runtime else None,
                "firmware_version": told(said.get("Firmware Version")),
                "serial": told(said.get("SN")),
            }
            found.append(_card(name, details, sensors))
    return tuple(found)


def number_of(text: str) -> int | None:
    """The number of a device, if the cell holds one and nothing else."""
    return int(text) if re.fullmatch(r"\d{1,4}", text, re.ASCII) else None


def _card(name: str, details: dict[str, Any], sensors: Sensors) -> Card:
    return Card(Component("accelerator", name, VENDOR, "CN", present(details), "xpu-smi"), sensors)


def _with_scope(card: Card, devices: int) -> Card:
    """Both chips of a K200 stand at one address and print the same watts."""
    if devices == 1 or card.sensors.power_w is None or "pci_address" not in card.component.details:
        return card
    return replace(card, sensors=replace(card.sensors, power_scope=f"board of {devices} chips"))


TOOL = Tool(
    "xpu-smi",
    "1d22",
    ("",),
    cards,
    device_types=("cuda", "xpu"),
    visible=("XPU_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    shared_name=True,
)
OLD_TOOL = replace(TOOL, name="xpu_smi", shared_name=False)
"""The name that XRE 4 gave it, and XRE 5 still knows."""

DEVICE = Device("Kunlunxin", tools=(TOOL, OLD_TOOL))
