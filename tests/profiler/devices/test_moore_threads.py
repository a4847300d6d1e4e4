"""Moore Threads through pymtml: the package without its library, and a stand-in shaped by its documentation."""

import sys
from types import SimpleNamespace

import pymtml
import pytest

from profiler.devices.meter import MeterLostError
from profiler.devices.metering.telemetry import TelemetryStream
from profiler.devices.moore_threads import CAVEAT, MtmlMonitor

GIB = 1 << 30


FIGURES = {
    "mtmlDeviceGetName": "MTT S5000",
    "mtmlDeviceGetPowerUsage": 123_500,
    "mtmlGpuGetClock": 1750,
    "mtmlGpuGetTemperature": 48,
    "mtmlGpuGetUtilization": 93,
    "mtmlMemoryGetUsed": 20 * GIB,
    "mtmlMemoryGetTotal": 80 * GIB,
}


class Mtml:
    """Two boards; each function answers as pymtml's README says, or raises the given error code."""

    MTMLError = pymtml.MTMLError
    MTML_ERROR_NOT_SUPPORTED = pymtml.MTML_ERROR_NOT_SUPPORTED
    MTML_ERROR_GPU_IS_LOST = pymtml.MTML_ERROR_GPU_IS_LOST

    def __init__(self, **errors):
        self.errors, self.open = errors, 0

    def __getattr__(self, name):
        def function(*_):
            if name in self.errors:
                raise pymtml.MTMLError(self.errors[name])
            return FIGURES.get(name, name)

        return function

    def mtmlLibraryInit(self):
        self.open += 1

    def mtmlLibraryShutDown(self):
        self.open -= 1

    def mtmlLibraryInitDeviceByIndex(self, index):
        if index > 1:
            raise pymtml.MTMLError(pymtml.MTML_ERROR_NOT_FOUND)
        return SimpleNamespace(index=index)


@pytest.fixture
def plug_in(monkeypatch):
    def put(**errors):
        library = Mtml(**errors)
        monkeypatch.setitem(sys.modules, "pymtml", library)
        return library

    return put


def test_every_column_in_its_unit_and_the_grade_with_them(plug_in):
    library = plug_in()
    assert MtmlMonitor.probe("musa:1", {}).available and library.open == 0
    monitor = MtmlMonitor.open("musa:1", {})
    stream = TelemetryStream(monitor)
    stream.sample()
    seen = stream.telemetry()
    assert {name: values[0] for name, values in seen.columns.items()} == {
        "gpu_clock_hz": 1750e6,
        "power_w": 123.5,
        "temperature_c": 48,
        "utilisation": 0.93,
        "memory_used_bytes": 20 * GIB,
        "memory_total_bytes": 80 * GIB,
    }
    assert (seen.device, seen.caveat) == ({"name": "MTT S5000"}, CAVEAT)
    monitor.close()
    assert library.open == 0


def test_what_the_board_does_not_tell_is_a_reason(plug_in):
    plug_in(mtmlDeviceGetPowerUsage=pymtml.MTML_ERROR_NOT_SUPPORTED, mtmlGpuGetClock=pymtml.MTML_ERROR_NO_PERMISSION)
    monitor = MtmlMonitor.open("musa:0", {})
    row = monitor.look(slow=False)
    assert monitor.unread["power_w"] == "MTML: not supported" and "power_w" not in row
    assert row["gpu_clock_hz"] is None and row["temperature_c"] == 48


def test_a_lost_board_ends_the_telemetry_with_the_reason(plug_in):
    library = plug_in()
    stream = TelemetryStream(MtmlMonitor.open("musa:0", {}))
    stream.sample()
    library.errors["mtmlGpuGetTemperature"] = pymtml.MTML_ERROR_GPU_IS_LOST
    stream.sample()
    assert stream.lost == "MTML: gpu is lost" and len(stream.states) == 1


@pytest.mark.parametrize(
    ("accelerator", "environment", "says"),
    [
        ("musa:2", {}, "board 2: Not Found"),
        ("musa:0", {"MUSA_VISIBLE_DEVICES": "7"}, "board 7: Not Found"),
        ("musa:1", {"MUSA_VISIBLE_DEVICES": "0"}, "shows 1"),
    ],
)
def test_a_board_that_is_not_there_is_a_reason_and_leaves_nothing_open(plug_in, accelerator, environment, says):
    library = plug_in()
    assert says in MtmlMonitor.probe(accelerator, environment).reason
    with pytest.raises(MeterLostError, match=says):
        MtmlMonitor.open(accelerator, environment)
    assert library.open == 0


def test_the_makers_own_package_says_that_the_library_is_missing():
    probe = MtmlMonitor.probe("musa:0", {})
    assert (probe.available, probe.reason) == (False, "MTML's library, libmtml.so, cannot be loaded")
    assert "chipassay[musa]" in probe.remedy
    for name in (*FIGURES, "mtmlLibraryInit", "mtmlLibraryShutDown", "mtmlLibraryInitDeviceByIndex"):
        assert callable(getattr(pymtml, name)), f"the stand-in knows {name}, the package does not"
    for name in ("mtmlDeviceInitGpu", "mtmlDeviceInitMemory"):
        assert callable(getattr(pymtml, name))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymtml", None)
    assert MtmlMonitor.probe("musa:0", {}).reason == "mthreads-ml-py is not installed"
