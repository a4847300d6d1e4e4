"""The device's state over a run: every column, the processes that are not ours, kept small."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from profiler.devices.metering.telemetry import MOST_KEPT, TelemetryStream
from profiler.devices.nvidia.monitor import NvmlMonitor
from tests.profiler.devices.boards import LiveBoard
from tests.profiler.devices.conftest import ENVIRONMENT
from tests.profiler.devices.nvidia.fake_nvml import REFUSED, UNSUPPORTED


@pytest.fixture
def watch(plug_in):
    """Looks ``times`` at a board, a tenth of a second apart."""

    def look(board, times=10):
        plug_in(board)
        stream = TelemetryStream(NvmlMonitor.open("cuda:0", ENVIRONMENT), board.clock)
        for _ in range(times):
            stream.sample()
            board.sleep(0.1)
        return stream

    return look


def test_every_column_in_its_unit(watch):
    seen = watch(LiveBoard()).telemetry()
    assert (seen.source, seen.samples_taken, seen.unread) == ("nvml", 10, {})
    assert {name: values[0] for name, values in seen.columns.items()} == {
        "sm_clock_hz": 1755e6,
        "memory_clock_hz": 2619e6,
        "temperature_c": 40,
        "clock_event_reasons": 4,
        "power_limit_w": 700,
        "memory_used_bytes": 17 << 30,
        "memory_total_bytes": 80 << 30,
        "utilisation": 0.97,
    }
    assert seen.extremes["temperature_c"] == (40, 41)
    assert seen.clock_events == {"power cap": 1.0}
    assert seen.device["uuid"].startswith("GPU-")
    assert len(seen.at_ns) == 10 and list(seen.at_ns) == sorted(seen.at_ns)


def test_a_long_run_is_kept_small_and_says_how_many_there_were(watch):
    seen = watch(LiveBoard(), 3 * MOST_KEPT + 7).telemetry()
    assert seen.samples_taken == 3 * MOST_KEPT + 7
    assert len(seen.at_ns) <= MOST_KEPT
    assert all(len(values) == len(seen.at_ns) for values in seen.columns.values())
    assert seen.extremes["temperature_c"][1] > max(seen.columns["temperature_c"]) - 2


def test_what_a_board_does_not_tell_is_a_reason_and_is_asked_for_once(watch):
    calls = []
    board = LiveBoard(changes={"Temperature": lambda *_: calls.append(1) or UNSUPPORTED, "UtilizationRates": REFUSED})
    seen = watch(board).telemetry()
    assert seen.unread == {"temperature_c": "NVML: not supported", "utilisation": "NVML: insufficient permissions"}
    assert "temperature_c" not in seen.columns and len(calls) == 1


def test_an_older_binding_tells_throttle_reasons(watch):
    board = LiveBoard(
        changes={"missing": ("nvmlDeviceGetCurrentClocksEventReasons",), "CurrentClocksThrottleReasons": 0x40}
    )
    stream = watch(board)
    assert stream.telemetry().clock_events == {"thermal slowdown by hardware": 1.0}
    assert {state.throttled for state in stream.states} == {True}


def test_our_own_processes_are_no_strangers_and_others_are_named(watch):
    ours = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        gone = 2**22 + 5  # no process can have such a number
        board = LiveBoard(
            processes=[
                SimpleNamespace(pid=os.getpid(), usedGpuMemory=1),
                SimpleNamespace(pid=ours.pid, usedGpuMemory=2),
                SimpleNamespace(pid=1, usedGpuMemory=3 << 30),
                SimpleNamespace(pid=gone, usedGpuMemory=None),
                SimpleNamespace(pid=gone + 1, usedGpuMemory=None),
            ]
        )
        stream = watch(board)
    finally:
        ours.communicate(b"\n")
    seen = stream.telemetry()
    (other,) = seen.processes
    assert (other.pid, other.memory_bytes) == (1, 3 << 30) and other.name
    assert other.first_ns < other.last_ns
    assert seen.unresolved_processes == 2
    assert {state.foreign for state in stream.states} == {frozenset({1})}


def test_a_lost_board_ends_the_telemetry_with_the_reason(watch):
    stream = watch(LiveBoard(lost_at_s=0.5))
    seen = stream.telemetry()
    assert 0 < seen.samples_taken < 10
    assert seen.unread == {"end of the run": "NVML: gpu is lost"}


def test_a_monitor_says_why_it_cannot_watch(plug_in):
    plug_in(LiveBoard(changes={"MigMode": [1, 1]}))
    assert "MIG is on" in NvmlMonitor.probe("cuda:0", ENVIRONMENT).reason
    plug_in(broken=True)
    assert "install the NVIDIA driver" in NvmlMonitor.probe("cuda:0", ENVIRONMENT).remedy
