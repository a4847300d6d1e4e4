"""Moore Threads: the table of ``mthreads-gmi`` (1.14 to 2.4), and MTML, the maker's library, which reads power too.

The table has three lines a device, divided by two bars, and no power. ``mthreads-ml-py`` (MIT), the binding of MTML, is
an extra, ``chipassay[musa]``. Its documentation gives power in milliwatts, memory in bytes, clocks in MHz, temperature
in degrees Celsius and use in per cent. It was not verified on a board: the record says so.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from profiler.devices.bus.makers import COMPUTE_AND_DISPLAY, Maker
from profiler.devices.device import Device
from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.devices.monitor import LibraryMonitor
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers, Tool
from profiler.devices.screen.visible import visible_number

MAKER = Maker("Moore Threads", "CN", ("1ed5",), COMPUTE_AND_DISPLAY, "mthreads-gmi", sources=("pci.ids",))
VISIBLE = ("MUSA_VISIBLE_DEVICES",)
_FIRST = re.compile(r"^(\d{1,4})\s+(\S.*?)\s*$", re.ASCII)
MHZ = 1_000_000
CAVEAT = "read as MTML's documentation describes it; not verified on a board"
REMEDY = "pip install 'chipassay[musa]', and install the driver of Moore Threads"


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card for each row with an address and a memory size."""
    return tuple(_cards(answers.get("", "")))


def _cards(text: str) -> Iterator[Card]:
    driver = re.search(r"Driver Version:\s*(\S+)", text)
    lines = text.splitlines() if "mthreads-gmi" in text else []
    rows = [fields.cells(line) for line in lines]
    for at, row in enumerate(rows):
        start = _FIRST.match(row[0])
        total = fields.mebibytes(row[-1], rf"\({COUNT}MiB\)")
        if start is None or len(row) != 3 or total is None or fields.pci_address(row[1]) is None:
            continue
        second = rows[at + 1] if at + 1 < len(rows) and len(rows[at + 1]) == 3 else ["", "", ""]
        _, bar, ecc = (lines[at + 2] if at + 2 < len(lines) else "").rpartition("|")
        width = fields.number(second[1], r"^(\d{1,3})x\(")
        maximum = fields.number(second[1], r"\((\d{1,3})x\)")
        details = {
            "index": int(start[1]),
            "pci_address": fields.pci_address(row[1]),
            "driver_version": driver[1] if driver else None,
            "device_type": fields.known(re.sub(r"\s+P\d+$", "", second[0])),
            "link_width_lanes": int(width) if width else None,
            "max_link_width_lanes": int(maximum) if maximum else None,
            "ecc": fields.known(ecc) if bar else None,
        }
        sensors = Sensors(
            temperature_c=fields.celsius(second[2], rf"^{FIGURE}\s*C\b"),
            utilisation=fields.share(row[2], rf"^{FIGURE}\s*%"),
            memory_used_bytes=fields.mebibytes(row[2], rf"{COUNT}MiB\("),
            memory_total_bytes=total,
        )
        yield make_card("mthreads-gmi", MAKER, start[2], details, sensors)


class MtmlMonitor(LibraryMonitor):
    """One board."""

    library, binding = "MTML", "mthreads-ml-py"
    caveat = CAVEAT

    name, device_types, makers = "mtml", ("musa",), (MAKER.name,)
    columns = ("gpu_clock_hz", "power_w", "temperature_c", "utilisation")
    slow_columns = ("memory_used_bytes", "memory_total_bytes")

    @classmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether MTML answers for the board."""
        try:
            cls(accelerator, environment).close()
        except MeterLostError as error:
            return MeterProbe(False, str(error), REMEDY)
        return MeterProbe(True, scope="board")

    @classmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> MtmlMonitor:
        """Open the board; MTML stays initialised until :meth:`close`."""
        return cls(accelerator, environment)

    def __init__(self, accelerator: str, environment: Mapping[str, str]) -> None:
        number = visible_number(accelerator, VISIBLE, environment)
        if isinstance(number, str):
            raise MeterLostError(number)
        try:
            self._mtml: Any = importlib.import_module("pymtml")
        except ImportError as error:
            raise MeterLostError("mthreads-ml-py is not installed") from error
        self.error = self._mtml.MTMLError
        try:
            self._mtml.mtmlLibraryInit()
        except OSError as error:  # the package loads the library here
            raise MeterLostError("MTML's library, libmtml.so, cannot be loaded") from error
        except self.error as error:
            raise MeterLostError(f"MTML: {error}") from error
        try:
            self._board = self._mtml.mtmlLibraryInitDeviceByIndex(number)
            self._gpu = self._mtml.mtmlDeviceInitGpu(self._board)
            self._memory = self._mtml.mtmlDeviceInitMemory(self._board)
            self.device = {"name": str(self._mtml.mtmlDeviceGetName(self._board))}
        except self.error as error:
            self.close()
            raise MeterLostError(f"MTML: board {number}: {error}") from error
        self.unread = {"processes": "chipassay does not ask MTML for them"}
        self.gone = (self._mtml.MTML_ERROR_GPU_IS_LOST,)
        self.refused = (self._mtml.MTML_ERROR_NOT_SUPPORTED,)
        self.readers = {
            "gpu_clock_hz": lambda: self._mtml.mtmlGpuGetClock(self._gpu) * MHZ,
            "power_w": lambda: self._mtml.mtmlDeviceGetPowerUsage(self._board) / 1000,
            "temperature_c": lambda: self._mtml.mtmlGpuGetTemperature(self._gpu),
            "utilisation": lambda: self._mtml.mtmlGpuGetUtilization(self._gpu) / 100,
            "memory_used_bytes": lambda: self._mtml.mtmlMemoryGetUsed(self._memory),
            "memory_total_bytes": lambda: self._mtml.mtmlMemoryGetTotal(self._memory),
        }
        self.look(slow=True)  # find now what the board does not support

    def close(self) -> None:
        """Close MTML."""
        try:
            self._mtml.mtmlLibraryShutDown()
        except self.error:
            return


TOOL = Tool("mthreads-gmi", MAKER, ("",), cards, device_types=("musa",), visible=VISIBLE)
DEVICE = Device(
    "Moore Threads",
    maker=MAKER,
    tools=(TOOL,),
    monitors=(MtmlMonitor,),
    packages=("torch[-_]musa",),
    shared_objects=("mublas", "musart"),
)
