"""Huawei Ascend: the board's power, as ``npu-smi info watch`` prints it every second.

There is no energy counter, so joules are derived. A card of two chips (Atlas 300I Duo, 910C) reports the power of both
together: the scope then says so. Forms of the output: Ascend "npu-smi" documentation, and what users recorded.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from profiler.devices.ascend.tool import VISIBLE, mapping
from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.devices.metering.streamed_power import StreamedPower
from profiler.devices.screen.program import call
from profiler.devices.screen.visible import count_visible, visible_number

TOOL = "npu-smi"
PERIOD_S = 1
_COLUMN = re.compile(r"[^()]+\([^)]*\)")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device is: card, chip, and how many chips share the card's power."""

    card: int
    chip: int
    chips: int


class WatchedRow:
    """Picks one chip's power from the lines of ``info watch``; the header names the columns."""

    def __init__(self, card: int, chip: int) -> None:
        self._card, self._chip = str(card), str(chip)
        self._columns: list[str] = []

    def power_w(self, line: str) -> float | None:
        """Return watts, or None for a header, another chip, or a chip without a figure (``NA``)."""
        if "NpuID" in line:
            self._columns = [column.strip() for column in _COLUMN.findall(line)]
            return None
        row = dict(zip(self._columns, line.split(), strict=False))
        if row.get("NpuID(Idx)") != self._card or row.get("ChipId(Idx)", self._chip) != self._chip:
            return None
        try:
            watts = float(row["Pwr(W)"])
        except (KeyError, ValueError):
            return None
        return watts if watts > 0 else None


class NpuSmi(StreamedPower):
    """One Ascend board."""

    name = "npu-smi"
    covers = "Huawei Ascend boards"
    device_types = ("npu",)

    @classmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether the tool is installed and lists the device; :meth:`open` checks that it reports power."""
        place = _find(accelerator, environment)
        if isinstance(place, str):
            return MeterProbe(False, place, "install the Ascend driver, with its tools on PATH")
        return MeterProbe(True, scope=_scope(place), grade="derived")

    @classmethod
    def candidates(cls, environment: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return every device the tool lists; none without the tool."""
        listed = _listed() if shutil.which(TOOL) else {}
        return tuple(f"npu:{number}" for number in range(count_visible(len(listed), VISIBLE, environment)))

    @classmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> NpuSmi:
        """Start watching, and wait for the first reading."""
        place = _find(accelerator, environment)
        if isinstance(place, str):
            raise MeterLostError(place)
        return cls(place)

    def __init__(self, place: _Place) -> None:
        command = [TOOL, "info", "watch", "-i", str(place.card), "-c", str(place.chip), "-d", str(PERIOD_S)]
        super().__init__(command, WatchedRow(place.card, place.chip).power_w, float(PERIOD_S))
        self.scope = _scope(place)
        self.device = {"card": str(place.card), "chip": str(place.chip)}


def _scope(place: _Place) -> str:
    return "board" if place.chips == 1 else f"board of {place.chips} chips"


def _find(accelerator: str | None, environment: Mapping[str, str]) -> _Place | str:
    """Return where ``accelerator`` is, or why that is unknown."""
    if accelerator is None or accelerator.partition(":")[0] != "npu":
        return f"it reads Huawei Ascend boards, and this is {accelerator or 'the host processor'}"
    if shutil.which(TOOL) is None:
        return f"{TOOL} is not on PATH"
    wanted = visible_number(accelerator, VISIBLE, environment)
    if isinstance(wanted, str):
        return wanted
    listed = _listed()
    places = [place for place, logical in listed.items() if logical == wanted]
    if not places:
        return f"{TOOL} lists no device {wanted}"
    card, chip = places[0]
    return _Place(card, chip, sum(other == card for other, _ in listed))


def _listed() -> dict[tuple[int, int], int]:
    """Return (card, chip) to logical number; empty if the tool does not answer."""
    return mapping(call([TOOL, "info", "-m"]).text)
