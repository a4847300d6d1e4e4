"""A laptop's batteries, while they alone power it: their output is the whole machine's power.

Files and units: Documentation/ABI/testing/sysfs-class-power (``power_now`` in microwatts, ``current_now`` in
microamperes, ``voltage_now`` in microvolts; the sign of a current differs between drivers).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.records.quantity import Grade

ROOT = Path("/sys/class/power_supply")
POWER_AGE_S = 1.0
"""The kernel reads a battery's firmware at most once a second (drivers/acpi/battery.c: cache_time)."""


class Battery(Meter):
    """The sum of all discharging batteries."""

    name = "battery"
    covers = "the whole machine, while it runs on battery"
    scope = "whole machine"
    grade: Grade = "derived"
    sample_interval_s = 0.5
    power_source = "power of the battery"
    power_period_s = POWER_AGE_S
    max_power_w = 1000.0
    root = ROOT

    @classmethod
    def probe(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> MeterProbe:
        """Return whether a battery discharges and reports power."""
        batteries = _batteries(cls.root)
        if not batteries:
            return MeterProbe(False, "no battery under /sys/class/power_supply")
        states = [_word(battery, "status") for battery in batteries]
        if _fed(cls.root) or "Discharging" not in states or "Charging" in states:
            listed = ", ".join(f"{b.name} {state}" for b, state in zip(batteries, states, strict=True))
            return MeterProbe(False, f"the machine does not run on battery ({listed})", "unplug the charger")
        try:
            _power_w(cls.root)
        except (OSError, ValueError) as error:
            return MeterProbe(False, f"the battery reports no power: {error}", "use a meter at the wall: --wall-meter")
        return MeterProbe(True, scope=cls.scope, grade=cls.grade)

    @classmethod
    def open(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> Battery:
        """Open all batteries."""
        return cls()

    def look(self) -> Look:
        """Return the power now, unless a charger is plugged in."""
        if _fed(self.root) or all(_word(battery, "status") != "Discharging" for battery in _batteries(self.root)):
            raise MeterLostError("the charger was plugged in")
        try:
            return Look(None, _power_w(self.root))
        except (OSError, ValueError) as error:
            raise MeterLostError(str(error)) from error


def _batteries(root: Path) -> list[Path]:
    """Return the batteries of the machine, not of a mouse or keyboard."""
    return [p for p in sorted(root.glob("*")) if _word(p, "type") == "Battery" and _word(p, "scope") != "Device"]


def _fed(root: Path) -> bool:
    """Return whether a charger is plugged in."""
    return any(_word(p, "type") != "Battery" and _word(p, "online") == "1" for p in root.glob("*"))


def _power_w(root: Path) -> float:
    """Return the power of all discharging batteries."""
    total_w = 0.0
    for battery in _batteries(root):
        if _word(battery, "status") != "Discharging":
            continue
        if (battery / "power_now").is_file():
            total_w += abs(int((battery / "power_now").read_text())) / 1e6
        else:
            volts, amperes = (int((battery / name).read_text()) for name in ("voltage_now", "current_now"))
            total_w += abs(volts * amperes) / 1e12
    if total_w == 0:
        raise ValueError("it reads 0 W")
    return total_w


def _word(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
