"""Sensors of the host, as their drivers' pages describe the files (Documentation/hwmon); no such machine is here."""

import pytest

from profiler.devices.host.hwmon import Hwmon
from profiler.devices.meters import METERS, MeterLostError

AMD_ENERGY = {"name": "amd_energy", "energy1_label": "Ecore000", "energy1_input": "111", "energy2_label": "Esocket0",
              "energy2_input": "5000000", "energy3_label": "Esocket1", "energy3_input": "7000000"}  # fmt: skip
JETSON = {"name": "ina3221", "in1_label": "VDD_IN", "in1_input": "5000", "curr1_input": "3000",
          "in2_label": "VDD_CPU_GPU_CV", "in2_input": "5000", "curr2_input": "1000",
          "in3_label": "VDD_SOC", "in3_input": "5000", "curr3_input": "500"}  # fmt: skip
ACPI = {"name": "power_meter", "power1_average": "213000000", "power1_average_interval": "1000",
        "power1_average_max": "9"}  # fmt: skip
FAM15H = {"name": "fam15h_power", "power1_input": "45500000", "power1_crit": "95000000"}
INA226 = {"name": "ina226", "power1_input": "12500000", "in1_input": "12000", "curr1_input": "1042",
          "update_interval": "36"}  # fmt: skip
DISK = {"name": "nvme", "temp1_input": "40000", "power1_input": "3000000"}
BOARD = {"name": "amdgpu", "power1_average": "200000000"}


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Makes a ``/sys/class/hwmon`` with the given devices; returns their folders."""
    monkeypatch.setattr(Hwmon, "root", tmp_path)

    def make(*devices):
        folders = []
        for number, files in enumerate(devices):
            folder = tmp_path / f"hwmon{number}"
            folder.mkdir()
            for name, text in files.items():
                (folder / name).write_text(f"{text}\n")
            folders.append(folder)
        return folders

    return make


@pytest.mark.parametrize(
    ("devices", "scope", "grade", "power_w", "age_s"),
    [
        ((DISK, AMD_ENERGY, ACPI), "package", "measured", None, 0.0),
        ((ACPI, FAM15H, FAM15H), "package", "derived", 91.0, 0.1),
        ((JETSON,), "module", "derived", 15.0, 0.1),
        ((DISK, BOARD, ACPI), "whole machine", "derived", 213.0, 1.0),
        (({**ACPI, "energy1_input": "77"},), "whole machine", "measured", None, 0.0),
        ((DISK, INA226), "one rail (ina226)", "derived", 12.5, 0.036),
        (({**INA226, "label": "12V_CPU"},), "one rail (ina226 12V_CPU)", "derived", 12.5, 0.036),
    ],
)
def test_the_sensor_that_covers_best_what_executes_is_read(plug_in, devices, scope, grade, power_w, age_s):
    plug_in(*devices)
    probe = Hwmon.probe()
    assert (probe.available, probe.scope, probe.grade) == (True, scope, grade)
    meter = Hwmon.open()
    assert (meter.scope, meter.grade, meter.power_period_s) == (scope, grade, age_s)
    assert meter.look().power_w == power_w


def test_a_counter_adds_up_sockets_and_not_the_cores_within_them(plug_in):
    (folder,) = plug_in(AMD_ENERGY)
    meter = Hwmon.open()
    assert meter.look().energy_j == 0
    (folder / "energy2_input").write_text("6500000")
    (folder / "energy3_input").write_text("7250000")
    (folder / "energy1_input").write_text("900000000")
    assert meter.look().energy_j == 1.75
    (folder / "energy3_input").write_text("10")
    assert meter.look().fault == "counter_reset"


@pytest.mark.parametrize(
    ("devices", "says"),
    [
        ((), "no power sensor"),
        ((DISK, BOARD), "those of amdgpu, nvme measure other parts"),
        ((INA226, {**INA226, "label": "5V"}), "2 rails (ina226, ina226 5V)"),
        (({k: v for k, v in JETSON.items() if "1_" not in k},), "2 rails (ina3221 VDD_CPU_GPU_CV, ina3221 VDD_SOC)"),
        (({**ACPI, "power1_average": "many"},), "power_meter cannot be read"),
    ],
)
def test_sensors_of_which_nobody_knows_what_they_cover_are_not_used(plug_in, devices, says):
    plug_in(*devices)
    probe = Hwmon.probe()
    assert not probe.available and says in probe.reason and probe.remedy


def test_a_sensor_for_root_only_says_so(plug_in, monkeypatch):
    (folder,) = plug_in(AMD_ENERGY)

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(folder / "energy2_input"))

    monkeypatch.setattr("profiler.devices.host.hwmon.Sensor.microjoules", refuse)
    probe = Hwmon.probe()
    assert "root only" in probe.reason and probe.remedy == f"sudo chmod a+r {folder / 'energy2_input'}"


def test_a_sensor_that_goes_away_ends_the_reading(plug_in):
    (folder,) = plug_in(ACPI)
    meter = Hwmon.open()
    (folder / "power1_average").unlink()
    with pytest.raises(MeterLostError, match="power_meter"):
        meter.look()


def test_the_host_has_its_best_meter_first():
    assert [kind.name for kind in METERS if not kind.device_types] == ["rapl", "hwmon", "battery"]
