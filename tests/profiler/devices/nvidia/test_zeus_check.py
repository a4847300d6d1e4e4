"""The comparison with Zeus, both on a board that is not here."""

import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from tests.benchmarks import zeus_check
from tests.benchmarks.zeus_check import compare_with_zeus
from tests.profiler.devices.boards import LiveBoard


class RealTime(LiveBoard):
    """A board on the machine's own clock."""

    def _check(self):
        self.ns = time.perf_counter_ns() - BEGAN


BEGAN = time.perf_counter_ns()


@pytest.fixture
def zeus(plug_in, monkeypatch):
    """Zeus, reading the counter of the same board through the same binding, times ``factor``."""

    def install(factor=1.0):
        board = RealTime()
        nvml = plug_in(board)
        handle = nvml.nvmlDeviceGetHandleByIndex(0)

        class ZeusMonitor:
            def __init__(self, gpu_indices):
                assert gpu_indices == [0]

            def begin_window(self, name):
                self.name, self.began = name, nvml.nvmlDeviceGetTotalEnergyConsumption(handle)

            def end_window(self, name):
                assert name == self.name
                joules = (nvml.nvmlDeviceGetTotalEnergyConsumption(handle) - self.began) / 1000
                return SimpleNamespace(gpu_energy={0: joules * factor}, time=0.5)

        package, module = ModuleType("zeus"), ModuleType("zeus.monitor")
        module.ZeusMonitor = ZeusMonitor
        monkeypatch.setitem(sys.modules, "zeus", package)
        monkeypatch.setitem(sys.modules, "zeus.monitor", module)
        monkeypatch.setattr(zeus_check, "find_spec", lambda name: True)

    return install


@pytest.mark.parametrize(("factor", "agrees"), [(1.0, True), (1.5, False)])
def test_two_readers_of_one_counter_agree_within_its_step_and_a_wrong_one_does_not(zeus, factor, agrees):
    zeus(factor)
    found = compare_with_zeus(lambda: time.sleep(0.05), "cuda:0", 0.5)
    assert found.agrees is agrees, (found, found.difference)
    assert found.generations > 1 and found.ours.power_w == pytest.approx(300, rel=0.2)


def test_what_cannot_be_compared_is_a_reason(plug_in, monkeypatch):
    assert compare_with_zeus(lambda: None, "cuda:0", 1) == "zeus is not installed: pip install zeus"
    monkeypatch.setattr(zeus_check, "find_spec", lambda name: True)
    plug_in(broken=True)
    assert "shared library not found" in compare_with_zeus(lambda: None, "cuda:0", 1)
