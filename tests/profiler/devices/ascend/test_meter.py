"""Ascend boards through a tool that prints what users recorded, as fast as a test wants it."""

import os
import time
from pathlib import Path

import pytest

from profiler.devices.ascend import meter as npu_smi
from profiler.devices.ascend.meter import NpuSmi, WatchedRow
from profiler.devices.meter import MeterLostError
from profiler.devices.metering import streamed_power
from profiler.devices.metering.stream import MeterStream
from profiler.energy.window import window_energy

RECORDED = Path(__file__).parents[1] / "recorded"


def recorded(name):
    return [line for line in (RECORDED / name).read_text().splitlines() if not line.startswith("#: ")]


@pytest.mark.parametrize(
    ("name", "card", "chip", "watts"),
    [
        ("npu-smi_watch_card2.txt", 2, 0, [90.1, 90.2, 97.6, 100.1]),
        ("npu-smi_watch_card2.txt", 2, 1, []),
        ("npu-smi_watch_card2.txt", 0, 0, []),
        ("npu-smi_watch_950.txt", 1, 0, [292.1]),
    ],
)
def test_the_power_of_one_chip_is_picked_out_by_the_header(name, card, chip, watts):
    row = WatchedRow(card, chip)
    assert [found for line in recorded(name) if (found := row.power_w(line)) is not None] == watts


@pytest.mark.parametrize("line", ["2 0 NA 34 0", "2 0 0.0 34 0", "2 0 - 34 0", "", "2", "garbage (W)", "2 0"])
def test_a_line_without_power_gives_none(line):
    row = WatchedRow(2, 0)
    row.power_w(recorded("npu-smi_watch_card2.txt")[0])
    assert row.power_w(line) is None


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts an ``npu-smi`` on PATH: ``-m`` prints the recorded map, ``watch`` runs the given shell lines."""

    def install(watch, table="npu-smi_map_910B4.txt"):
        mapped = tmp_path / "map.txt"
        mapped.write_text("\n".join(recorded(table)) + "\n")
        program = tmp_path / "npu-smi"
        program.write_text(
            f'#!/bin/sh\necho "$$" >> {tmp_path}/pids\nif [ "$2" = -m ]; then cat {mapped}; exit; fi\n{watch}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return tmp_path

    return install


HEADER = "echo 'NpuID(Idx)  ChipId(Idx) Pwr(W)      Temp(C)'"
STEADY = f"{HEADER}; while :; do echo '1           0           250.0       34'; sleep 0.05; done"


def test_power_is_integrated_to_derived_joules_and_the_tool_is_ended(tool, monkeypatch):
    folder = tool(STEADY)
    assert NpuSmi.candidates({}) == ("npu:0", "npu:1")
    probe = NpuSmi.probe("npu:1", {})
    assert (probe.available, probe.grade, probe.scope) == (True, "derived", "board")
    monkeypatch.setattr(npu_smi, "PERIOD_S", 0.05)
    meter = NpuSmi.open("npu:1", {})
    stream = MeterStream(meter)
    stream.find_update_period()
    begin = time.perf_counter_ns()
    while time.perf_counter_ns() - begin < 1_200_000_000:
        stream.sample()
        time.sleep(0.02)
    end = time.perf_counter_ns()
    meter.close()
    reading = stream.reading((begin, end), (begin, end), ())
    first, last = reading.samples[0].at_ns, reading.samples[-1].at_ns
    found = window_energy(reading, first, last)
    assert (reading.grade, reading.faults) == ("derived", ())
    assert found.power_w == pytest.approx(250, rel=0.001)
    assert found.error_j == pytest.approx(250 * 2 * 0.05)
    for pid in (folder / "pids").read_text().split():
        assert not Path(f"/proc/{pid}/cmdline").exists() or "npu-smi" not in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_board_of_two_chips_says_that_its_power_is_of_both(tool):
    tool(STEADY, "npu-smi_map_A3.txt")
    assert NpuSmi.probe("npu:0", {}).scope == "board of 2 chips"
    assert NpuSmi.probe("npu:9", {}).reason == "npu-smi lists no device 9"


def test_what_cann_shows_renumbers_the_devices(tool, monkeypatch):
    tool(STEADY)
    only_second = {"ASCEND_RT_VISIBLE_DEVICES": "1"}
    assert NpuSmi.candidates(only_second) == ("npu:0",)
    meter = NpuSmi.open("npu:0", only_second)
    assert meter.device == {"card": "1", "chip": "0"} and "-i 1 -c 0" in meter.power_source
    meter.close()
    assert "shows 1" in NpuSmi.probe("npu:1", only_second).reason


def test_a_name_among_the_visible_devices_is_refused_rather_than_dropped(tool):
    tool(STEADY)
    probe = NpuSmi.probe("npu:1", {"ASCEND_RT_VISIBLE_DEVICES": "1,first"})
    assert not probe.available and "'first'" in probe.reason and "ASCEND_RT_VISIBLE_DEVICES" in probe.reason


@pytest.mark.parametrize(
    ("watch", "says"),
    [
        ("echo 'dcmi module initialize failed. ret is -8005'; exit 1", "dcmi module initialize failed"),
        (f"{HEADER}; echo '1 0 NA 34'; sleep 60", "reported no power"),
        ("exit 0", "reported no power"),
    ],
)
def test_a_tool_that_tells_no_power_is_a_reason(tool, monkeypatch, watch, says):
    tool(watch)
    monkeypatch.setattr(streamed_power, "FIRST_READING_S", 0.5)
    with pytest.raises(MeterLostError, match=says):
        NpuSmi.open("npu:1", {})


def test_a_tool_that_dies_in_the_run_ends_the_reading(tool):
    tool(f"{HEADER}; echo '1 0 250.0 34'; echo 'device lost'; exit 1")
    meter = NpuSmi.open("npu:1", {})
    assert meter.look().power_w == 250
    deadline = time.monotonic() + 10
    with pytest.raises(MeterLostError, match="ended: device lost"):
        while time.monotonic() < deadline:
            meter.look()
            time.sleep(0.01)
    meter.close()


@pytest.mark.parametrize("accelerator", [None, "cuda:0", "npu:0"])
def test_without_the_tool_or_for_other_hardware_it_says_so(monkeypatch, tmp_path, accelerator):
    monkeypatch.setenv("PATH", str(tmp_path))
    probe = NpuSmi.probe(accelerator, {})
    assert not probe.available and ("not on PATH" in probe.reason or "Ascend boards, and this is" in probe.reason)
    assert NpuSmi.candidates({}) == ()
