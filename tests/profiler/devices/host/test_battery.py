"""A battery that feeds the machine; the files are as the kernel's sysfs-class-power describes them."""

import pytest

from profiler.devices.host.battery import Battery
from profiler.devices.meters import MeterLostError

ACPI = {"type": "Battery", "status": "Discharging", "power_now": "14250000", "voltage_now": "12000000"}
GAUGE = {"type": "Battery", "status": "Discharging", "current_now": "-1500000", "voltage_now": "12000000"}
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging", "power_now": "1000"}
CHARGER = {"type": "Mains", "online": "1"}
UNPLUGGED = {"type": "Mains", "online": "0"}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Makes a ``/sys/class/power_supply`` of the given supplies."""
    monkeypatch.setattr(Battery, "root", tmp_path)

    def make(**supplies):
        for name, files in supplies.items():
            (tmp_path / name).mkdir(exist_ok=True)
            for file, text in files.items():
                (tmp_path / name / file).write_text(f"{text}\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("supplies", "power_w"),
    [
        ({"BAT0": ACPI, "AC": UNPLUGGED}, 14.25),
        ({"BAT1": GAUGE}, 18.0),
        ({"BAT0": ACPI, "BAT1": GAUGE, "hid-mouse": MOUSE}, 32.25),
        ({"BAT0": ACPI, "BAT1": {**ACPI, "status": "Not charging"}}, 14.25),
    ],
)
def test_what_the_batteries_give_is_what_the_machine_takes(put, supplies, power_w):
    put(**supplies)
    probe = Battery.probe()
    assert (probe.available, probe.scope, probe.grade) == (True, "whole machine", "derived")
    assert Battery.open().look().power_w == power_w


@pytest.mark.parametrize(
    ("supplies", "says"),
    [
        ({}, "no battery"),
        ({"mouse": MOUSE}, "no battery"),
        ({"BAT0": {**ACPI, "status": "Charging"}}, "BAT0 Charging"),
        ({"BAT0": {**ACPI, "status": "Full"}}, "BAT0 Full"),
        ({"BAT0": ACPI, "AC": CHARGER}, "not run on battery"),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, "reports no power"),
        ({"BAT0": {**ACPI, "power_now": "0"}}, "0 W"),
        ({"BAT0": {**ACPI, "power_now": "much"}}, "reports no power"),
    ],
)
def test_a_battery_that_does_not_feed_the_machine_is_a_reason(put, supplies, says):
    put(**supplies)
    probe = Battery.probe()
    assert not probe.available and says in probe.reason


def test_a_charger_that_is_plugged_in_ends_the_reading(put):
    put(BAT0=ACPI, AC=UNPLUGGED)
    meter = Battery.open()
    put(AC=CHARGER)
    with pytest.raises(MeterLostError, match="charger was plugged in"):
        meter.look()
