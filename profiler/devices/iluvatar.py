"""Iluvatar CoreX, through ``ixsmi`` (CoreX 3.0 to 4.4): two lines a GPU.

A board of two GPUs (BI-V150, MR-V100 DUO) reports its power with one of them only; the other prints ``N/A``. A GPU that
fell off the bus prints 65535 W.
"""

from __future__ import annotations

from profiler.devices.bus.makers import COMPUTE, Maker
from profiler.devices.device import Device
from profiler.devices.screen.card import Card
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.two_lines import Table, three_cells

MAKER = Maker("Iluvatar CoreX", "CN", ("1e3e",), COMPUTE, "ixsmi", sources=("pci.ids",))
SHARED_POWER = "board, possibly shared with a GPU that reports no power"
_TABLE = Table(
    "ixsmi",
    MAKER,
    "IX-ML",
    {"driver_version": r"Driver Version:\s*([\w.\-]+)", "ixml_version": r"IX-ML:\s*([\w.\-]+)"},
    three_cells(r"^(\d{1,4})\s+(\S.*)$"),
    utilisation=lambda lines: lines.lower[2],
    limit=r"/",
)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a GPU. If a GPU reports no power, that of another GPU may cover both."""
    read = _TABLE.cards(answers)
    if all(card.sensors.power_w is not None for card in read):
        return read
    return tuple(card.with_power_scope(SHARED_POWER) for card in read)


TOOL = Tool("ixsmi", MAKER, ("",), cards, device_types=("cuda",), visible=("CUDA_VISIBLE_DEVICES",))
DEVICE = Device("Iluvatar CoreX", maker=MAKER, tools=(TOOL,))
