"""Iluvatar CoreX through ``ixsmi`` (CoreX 3.0 to 4.4): two lines a GPU.

A board of two GPUs (BI-V150, MR-V100 DUO) reports its power with one of them only; the other prints ``N/A``. A GPU that
fell off the bus prints 65535 W.
"""

from __future__ import annotations

from dataclasses import replace

from profiler.devices.device import Device
from profiler.devices.screen.card import Card
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import Table, three_cells

BANNER = "IX-ML"
SHARED_POWER = "board, which it may share with a GPU that tells no power"
_TABLE = Table(
    "ixsmi",
    "Iluvatar CoreX",
    BANNER,
    {"driver_version": r"Driver Version:\s*([\w.\-]+)", "ixml_version": r"IX-ML:\s*([\w.\-]+)"},
    three_cells(r"^(\d{1,4})\s+(\S.*)$"),
    utilisation=lambda lines: lines.lower[2],
    limit=r"/",
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a GPU. Where a GPU reports no power, that of the others may be of two."""
    found = _TABLE.cards(answers.get("", ""))
    if all(card.sensors.power_w is not None for card in found):
        return found
    return tuple(
        card if card.sensors.power_w is None else replace(card, sensors=replace(card.sensors, power_scope=SHARED_POWER))
        for card in found
    )


TOOL = Tool("ixsmi", "1e3e", ("",), cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
DEVICE = Device("Iluvatar CoreX", tools=(TOOL,))
