"""RAPL over a fake powercap tree, as Linux lays it out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.devices.host.rapl import Rapl, packages
from profiler.devices.meter import MeterLostError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Adds zones to a fake /sys/class/powercap and lets the meter read it."""
    monkeypatch.setattr(Rapl, "root", tmp_path)

    def add(zone, name, energy_uj=0, range_uj=999_999):
        folder = tmp_path / zone
        folder.mkdir(exist_ok=True)
        (folder / "name").write_text(name + "\n")
        (folder / "energy_uj").write_text(f"{energy_uj}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        return folder / "energy_uj"

    return add


def test_only_packages_are_summed_and_none_twice(tree, tmp_path):
    tree("intel-rapl:0", "package-0")
    tree("intel-rapl:1", "package-1")
    tree("intel-rapl:0:0", "core")
    tree("intel-rapl:0:1", "uncore")
    tree("intel-rapl:0:2", "dram")
    tree("intel-rapl:2", "psys")
    tree("intel-rapl-mmio:0", "package-0")
    (tmp_path / "intel-rapl").mkdir()
    (tmp_path / "dtpm").mkdir()
    assert [path.name for path in packages(tmp_path)] == ["intel-rapl:0", "intel-rapl:1"]


def test_energy_is_counted_from_the_creation_of_the_meter_over_all_packages(tree):
    first, second = tree("intel-rapl:0", "package-0", 500), tree("intel-rapl:1", "package-1", 70_000)
    meter = Rapl()
    assert meter.look().energy_j == 0
    first.write_text("300500\n")
    second.write_text("170000\n")
    assert meter.look().energy_j == pytest.approx(0.4)


def test_a_wrapped_counter_goes_on_counting(tree):
    counter = tree("intel-rapl:0", "package-0", 900_000, range_uj=999_999)
    meter = Rapl()
    counter.write_text("100000")
    assert meter.look().energy_j == pytest.approx(0.2)
    counter.write_text("100001")
    assert meter.look().energy_j == pytest.approx(0.200001)


@given(st.integers(0, 999_999), st.lists(st.integers(0, 999_999), max_size=30))
def test_whatever_the_true_consumption_the_meter_adds_it_up(start, steps):
    class Fake(Rapl):
        def __init__(self):
            from profiler.devices.host import rapl

            self._packages = [rapl._Package(Path("x"), rapl.Counter(start, (1_000_000,), always=True))]

    with pytest.MonkeyPatch.context() as patch:
        true = start
        patch.setattr("profiler.devices.host.rapl._read", lambda path: true % 1_000_000)
        meter = Fake()
        before = 0.0
        for step in steps:
            true += step
            now = meter.look().energy_j
            assert now >= before
            before = now
        assert meter.look().energy_j == pytest.approx((true - start) / 1e6)


def test_a_wrap_is_told_and_a_counter_that_is_gone_ends_the_reading(tree):
    counter = tree("intel-rapl:0", "package-0", 900_000)
    meter = Rapl()
    counter.write_text("100000")
    assert meter.look().fault == "counter_wrapped"
    counter.unlink()
    with pytest.raises(MeterLostError, match="intel-rapl:0"):
        meter.look()


def test_the_counter_is_read_often_enough_to_tell_one_wrap_from_two(tree):
    tree("intel-rapl:0", "package-0", range_uj=262_143_328_850)
    tree("intel-rapl:1", "package-1", range_uj=4_000_000_000)
    assert Rapl().max_interval_s == pytest.approx(4000 / 2000 / 2)


def test_a_machine_without_rapl_says_so_and_what_to_do(tmp_path, monkeypatch):
    for root in (tmp_path, tmp_path / "missing"):
        monkeypatch.setattr(Rapl, "root", root)
        probe = Rapl.probe()
        assert not probe.available
        assert "no RAPL package domain" in probe.reason and "intel_rapl_msr" in probe.remedy


def refuse_energy(error):
    """What the kernel does to anybody but root."""
    real = Path.read_text

    def read(self, *args, **kwargs):
        if self.name == "energy_uj":
            raise error
        return real(self, *args, **kwargs)

    return read


def test_a_counter_for_root_only_says_which_permission_is_missing(tree, monkeypatch):
    tree("intel-rapl:0", "package-0")
    monkeypatch.setattr(Path, "read_text", refuse_energy(PermissionError(13, "Permission denied")))
    probe = Rapl.probe()
    assert (probe.available, "energy_uj" in probe.reason) == (False, True)
    assert probe.remedy.startswith("sudo chmod a+r")


def test_a_counter_whose_driver_fails_says_so(tree, monkeypatch):
    tree("intel-rapl:0", "package-0")
    monkeypatch.setattr(Path, "read_text", refuse_energy(OSError(61, "No data available")))
    assert "No data available" in Rapl.probe().reason


def test_a_readable_package_is_available(tree):
    tree("intel-rapl:0", "package-0")
    assert Rapl.probe().available
