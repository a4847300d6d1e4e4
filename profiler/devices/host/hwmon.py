"""The host's power and energy sensors in the kernel's ``hwmon``.

Many such sensors measure parts that run no model (a disk, a network card, one rail of many). Only sensors with known
coverage (:data:`KNOWN`) are used, and a lone current monitor (INA219, INA226, INA3221, ...),
whose scope then says that it is one rail. Files and units: Documentation/hwmon/sysfs-interface and the drivers' own
pages (``energy*_input`` in microjoules, ``power*_input`` and ``power*_average`` in microwatts, ``in*_input`` in
millivolts, ``curr*_input`` in milliamperes). A counter is *measured*, integrated power *derived*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.counter import Counter
from profiler.records.quantity import Grade

ROOT = Path("/sys/class/hwmon")
POWER_AGE_S = 0.1
"""The assumed age of a power reading without ``power*_average_interval`` and ``update_interval``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Sensors with known coverage, by the driver's name and the sensor's label; all of a kind are summed."""

    driver: str
    label: str
    scope: str


KNOWN = (
    Kind("amd_energy", r"Esocket\d+", "package"),
    Kind("fam15h_power", r".*", "package"),
    Kind("ina3221", r"VDD_IN|POM_5V_IN", "module"),
    Kind("power_meter", r".*", "whole machine"),
)
"""Best first. ``amd_energy``: sockets, beside the cores within them. ``fam15h_power``: the processor, one device a
node. ``ina3221``: the input of NVIDIA's Jetson modules. ``power_meter``: ACPI's, of the machine."""

MONITOR = re.compile(r"ina\d+x{0,2}$")
"""Drivers of current monitors, whose shunt may measure any rail."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor. ``files`` are a counter, a power, or a current and a voltage."""

    driver: str
    label: str
    files: tuple[Path, ...]
    age_s: float

    @property
    def counts(self) -> bool:
        """Whether it counts joules."""
        return self.files[0].name.startswith("energy")

    def microjoules(self) -> int:
        """Return the counter."""
        return int(self.files[0].read_text())

    def power_w(self) -> float:
        """Return the power now."""
        values = [int(file.read_text()) for file in self.files]
        return values[0] / 1e6 if len(values) == 1 else values[0] * values[1] / 1e6

    def __str__(self) -> str:
        return f"{self.driver} {self.label}".strip()


def sensors(root: Path) -> list[Sensor]:
    """Return every sensor of power or energy below ``root``."""
    listed = []
    for device in sorted(root.glob("hwmon*")):
        driver = _text(device / "name")
        named = _text(device / "label")
        powers = {file.name.partition("_")[0]: file for file in sorted(device.glob("power*_average"))}
        powers |= {file.name.partition("_")[0]: file for file in sorted(device.glob("power*_input"))}
        for channel, file in sorted(powers.items()):
            age_s = _age_s(device / f"{channel}_average_interval", device / "update_interval")
            listed.append(Sensor(driver, _text(device / f"{channel}_label") or named, (file,), age_s))
        for file in sorted(device.glob("energy*_input")):
            listed.append(Sensor(driver, _text(device / file.name.replace("_input", "_label")) or named, (file,), 0.0))
        if not powers:
            for current in sorted(device.glob("curr*_input")):
                number = current.name.removeprefix("curr").removesuffix("_input")
                voltage = device / f"in{number}_input"
                if MONITOR.match(driver) and voltage.is_file():
                    label = _text(device / f"in{number}_label") or named
                    listed.append(Sensor(driver, label, (current, voltage), _age_s(device / "update_interval")))
    return listed


def _age_s(*intervals: Path) -> float:
    """Return the first known interval, in seconds; the files hold milliseconds."""
    known = [text for path in intervals if (text := _text(path)).isdigit()]
    return int(known[0]) / 1000 if known else POWER_AGE_S


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, slots=True)
class _Choice:
    """The sensors to sum, and what they cover."""

    sensors: tuple[Sensor, ...]
    scope: str

    @property
    def grade(self) -> Grade:
        return "measured" if self.sensors[0].counts else "derived"


def _choose(root: Path) -> _Choice | MeterProbe:
    """Return the best sensors, or why there are none."""
    listed = sensors(root)
    for kind in KNOWN:
        fitting = [s for s in listed if s.driver == kind.driver and re.fullmatch(kind.label, s.label)]
        counting = [s for s in fitting if s.counts]
        if fitting:
            return _Choice(tuple(counting or fitting), kind.scope)
    rails = [sensor for sensor in listed if MONITOR.match(sensor.driver)]
    if len(rails) == 1:
        return _Choice((rails[0],), f"one rail ({rails[0]})")
    if rails:
        names = ", ".join(str(rail) for rail in rails)
        return MeterProbe(
            False,
            f"hwmon shows {len(rails)} rails ({names}), and none is known to supply the whole processor or module",
            "read the machine at the wall: chipassay profile --wall-meter",
        )
    other = sorted({sensor.driver for sensor in listed})
    seen = f"; those of {', '.join(other)} measure other parts" if other else ""
    return MeterProbe(
        False,
        f"no power sensor of the processor, module or machine under /sys/class/hwmon{seen}",
        "load the driver of the board's sensor (amd_energy, ina2xx, ina3221, acpi_power_meter)",
    )


class Hwmon(Meter):
    """The sum of the sensors that cover the executing hardware best."""

    name = "hwmon"
    covers = "the host's power sensors (processor, module, machine, INA monitors)"
    root = ROOT
    max_power_w = 20_000.0

    @classmethod
    def probe(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> MeterProbe:
        """Return whether sensors with known coverage are readable."""
        choice = _choose(cls.root)
        if isinstance(choice, MeterProbe):
            return choice
        try:
            _read(choice.sensors)
        except PermissionError as error:
            file = error.filename or choice.sensors[0].files[0]
            return MeterProbe(False, f"{choice.sensors[0]} is readable by root only", f"sudo chmod a+r {file}")
        except (OSError, ValueError) as error:
            return MeterProbe(False, f"{choice.sensors[0]} cannot be read: {error}", "see dmesg for its driver")
        return MeterProbe(True, scope=choice.scope, grade=choice.grade)

    @classmethod
    def open(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> Hwmon:
        """Open the sensors that :meth:`probe` found."""
        choice = _choose(cls.root)
        if isinstance(choice, MeterProbe):
            raise MeterLostError(choice.reason)
        try:
            return cls(choice)
        except (OSError, ValueError) as error:
            raise MeterLostError(str(error)) from error

    def __init__(self, choice: _Choice) -> None:
        super().__init__()
        self.scope, self.grade = choice.scope, choice.grade
        self._sensors = choice.sensors
        self._counters: list[Counter] = []
        if choice.grade == "measured":
            self._counters = [Counter(sensor.microjoules(), ()) for sensor in self._sensors]
        else:
            self.power_source = " + ".join(str(sensor) for sensor in self._sensors)
            self.power_period_s = max(sensor.age_s for sensor in self._sensors)

    def look(self) -> Look:
        """Return joules since creation, or power now, of all sensors together."""
        try:
            values = _read(self._sensors)
        except (OSError, ValueError) as error:
            raise MeterLostError(f"{self._sensors[0]}: {error}") from error
        if not self._counters:
            return Look(None, sum(values))
        faults = [counter.advance(round(value)) for counter, value in zip(self._counters, values, strict=True)]
        return Look(sum(counter.total for counter in self._counters) / 1e6, fault=next(filter(None, faults), ""))


def _read(chosen: Sequence[Sensor]) -> list[float]:
    """Return microjoules of counters, or watts."""
    return [float(sensor.microjoules()) if sensor.counts else sensor.power_w() for sensor in chosen]
