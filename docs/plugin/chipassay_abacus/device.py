"""The device: its maker's tool ``abacus-smi``, which also gives a monitor, and a meter of its power.

``abacus-smi`` prints one line a board: ``0, Abacus A1, 42.5 W, 51 C, 37 %, 900 MiB, 4096 MiB``. ``abacus-smi power 0``
prints the watts of board 0 ten times a second until it is stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from profiler.devices.bus.makers import Maker
from profiler.devices.device import Device
from profiler.devices.meter import MeterProbe
from profiler.devices.metering.streamed_power import StreamedPower
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import celsius, mebibytes, share, watts
from profiler.devices.screen.tool import Answers, Tool

# Give the PCI vendor ids and device classes too if the boards sit on a PCI bus: Maker(..., ("1e3e",), COMPUTE).
MAKER = Maker("Abacus Works", "ZZ", tool="abacus-smi")
PERIOD_S = 0.1
FIELDS = 7


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a line; ignore every other line. What the tool leaves out stays None."""
    rows = [[cell.strip() for cell in line.split(",")] for line in answers.get("", "").splitlines()]
    return tuple(_card(row) for row in rows if len(row) == FIELDS and row[0].isdecimal())


def _card(row: list[str]) -> Card:
    index, name, power, temperature, load, used, total = row
    sensors = Sensors(
        power_w=watts(power),
        temperature_c=celsius(temperature),
        utilisation=share(load),
        memory_used_bytes=mebibytes(used),
        memory_total_bytes=mebibytes(total),
    )
    return make_card("abacus-smi", MAKER, name, {"index": int(index)}, sensors)


class AbacusPower(StreamedPower):
    """The power of one board. chipassay integrates it to joules, so its grade is ``derived``."""

    name = "abacus-smi"
    covers = "Abacus boards"
    device_types = ("abacus",)
    scope = "board"
    sample_interval_s = PERIOD_S / 2

    @classmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Say whether the tool is there; start nothing."""
        if shutil.which("abacus-smi") is None:
            return MeterProbe(False, "abacus-smi is not on PATH", "install the driver of the Abacus")
        return MeterProbe(True, scope=cls.scope, grade=cls.grade)

    @classmethod
    def candidates(cls, environment: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return the boards that ``chipassay devices`` lists a meter for."""
        return ("abacus:0",)

    @classmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> AbacusPower:
        """Start the tool on the board behind ``accelerator``."""
        number = (accelerator or "abacus:0").partition(":")[2]
        return cls(["abacus-smi", "power", number], watts, PERIOD_S)


TOOL = Tool("abacus-smi", MAKER, ("",), cards, device_types=("abacus",))
DEVICE = Device("Abacus Works", maker=MAKER, tools=(TOOL,), meters=(AbacusPower,))
