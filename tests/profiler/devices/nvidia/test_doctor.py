"""NVIDIA boards before a run, against a stand-in for NVML."""

import sys
from types import SimpleNamespace

import pytest

from profiler.devices.nvidia.doctor import check_boards
from profiler.host.finding import Machine
from tests.profiler.devices.nvidia.fake_nvml import H100, fake_nvml


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"MigMode": [1, 1]}, "MIG"),
        ({"PersistenceMode": 0}, "persistence mode"),
        ({"PowerManagementLimit": 350_000}, "350 W"),
        ({"CurrentClocksEventReasons": 0x40 | 0x4}, "thermal slowdown by hardware"),
        ({"ComputeRunningProcesses": [SimpleNamespace(pid=77)]}, "pid 77"),
    ],
)
def test_each_board_is_checked_separately(monkeypatch, changes, says):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml({**H100, "PersistenceMode": 1}, {**H100, **changes}))
    fine, bad = check_boards(Machine())
    assert fine.status == "good"
    assert (bad.name, bad.status) == ("board 1", "improve") and says in bad.found and bad.remedy


def test_without_a_driver_there_is_no_board_to_check(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))
    assert check_boards(Machine()) == []


def test_the_real_binding_has_every_function_the_check_calls():
    import pynvml

    for name in ("nvmlDeviceGetPersistenceMode", "nvmlDeviceGetPowerManagementDefaultLimit"):
        assert hasattr(pynvml, name)
