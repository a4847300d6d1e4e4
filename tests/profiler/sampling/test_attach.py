"""A target on a board that is not here: what the parent saw goes into its outcome, or the reason why it does not."""

import time
from dataclasses import replace

import pytest

from backends.contract.backend import DeviceMemory
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.records.codec import encode
from profiler.records.readings import HOST, TARGET
from profiler.records.target import EnergyWindow
from profiler.sampling import instruments, watch
from profiler.sampling.attach import UNCONFIRMED, observed
from profiler.sampling.instruments import open_instruments
from profiler.sampling.watch import Watch
from tests.profiler.devices.boards import LiveBoard
from tests.profiler.devices.conftest import ENVIRONMENT
from tests.profiler.devices.nvidia.fake_nvml import H100, NVMLError
from tests.profiler.devices.stand_in import StandIn

pytestmark = pytest.mark.slow


class RealTime(LiveBoard):
    """A board on the machine's own clock."""

    def _check(self):
        super()._check()
        self.ns = time.perf_counter_ns() - BEGAN


BEGAN = time.perf_counter_ns()


@pytest.fixture
def observe(plug_in, monkeypatch, make_worker, make_repetition):
    """Watches a board for a second of "work", and adds what was seen to the report of a worker on ``device``."""
    monkeypatch.setattr(watch, "IDLE_S", 0.3)
    monkeypatch.setattr(watch, "SETTLE_S", 0.0)
    monkeypatch.setattr(watch, "IDLE_PERIODS", 0)
    monkeypatch.setattr(instruments, "METERS", (StandIn, *(kind for kind in instruments.METERS if kind.name == "nvml")))

    def go(device, **board):
        plug_in(RealTime(**board))
        seen = Watch(open_instruments("cuda:0", ENVIRONMENT))
        with seen.watching():
            seen.edge()
            begin = time.perf_counter_ns()
            time.sleep(1.0)
            end = time.perf_counter_ns()
            seen.edge()
        repetition = replace(make_repetition(0, (100, 500, 1000)), start_ns=begin)
        worker = make_worker([repetition])
        windows = (EnergyWindow("generate", begin, end, 10), EnergyWindow("prefill", begin, end, 20))
        worker = replace(worker, engine=replace(worker.engine, device=device), energy_windows=windows,
                         device_memory=DeviceMemory(1, 2))  # fmt: skip
        seen.close()
        return observed(worker, seen, "cuda:0")

    return go


def energy(measured, role=TARGET):
    return measured.reading(role).energy


def metrics(measured, spec):
    return compute_metrics(measured, Context(spec, 50, "bfloat16", accelerator="cuda:0"))


def test_a_watched_target_has_energy_telemetry_marks_and_the_hosts_share(observe, make_spec):
    from types import SimpleNamespace

    stranger = SimpleNamespace(pid=1, usedGpuMemory=1 << 30)
    measured = observe({"uuid": H100["UUID"]}, processes=[stranger])
    assert energy(measured).scope == "board" and "identified" not in energy(measured).device
    assert [spoiler.detector for spoiler in measured.worker.repetitions[0].spoilers] == [
        "device_shared",
        "device_busy_before",  # this board says 97 % at all times
    ]
    assert measured.telemetry.processes[0].pid == 1
    assert energy(measured, HOST).meter == "stand-in" and measured.sampler.reads > 10
    figures = metrics(measured, make_spec())
    assert figures["energy_per_output_token"].value == pytest.approx(300 * 1.0 / 10 / 3, rel=0.1)
    assert figures["host_energy_per_output_token"].value == pytest.approx(25 * 1.0 / 10 / 3, rel=0.1)
    assert figures["peak_device_memory"].value == 17 << 30
    assert H100["UUID"].encode() not in encode(measured), "a UUID is a serial number: it stays on the machine"
    assert measured.telemetry.device["pci_address"] == "0000:3b:00.0"


def test_readings_of_another_board_are_dropped_and_the_reason_stands(observe, make_spec):
    measured = observe({"uuid": "GPU-99999999"})
    assert energy(measured) is None and measured.telemetry is None and energy(measured, HOST) is not None
    assert measured.worker.repetitions[0].spoilers == ()
    figures = metrics(measured, make_spec())
    for name in ("energy_per_output_token", "peak_device_memory", "mean_power"):
        assert figures[name].method.startswith(
            "board_mismatch: the engine ran on another device, and the board read for"
        )


def test_a_board_that_is_lost_while_it_is_opened_is_a_reason(plug_in, monkeypatch):
    monkeypatch.setattr(instruments, "METERS", tuple(kind for kind in instruments.METERS if kind.name == "nvml"))
    looks = iter(range(1000))
    board = LiveBoard()
    plug_in({**board.device(), "TotalEnergyConsumption": lambda: 5 if next(looks) < 2 else gone()})
    found = open_instruments("cuda:0", ENVIRONMENT)
    own = found.channel(TARGET)
    assert own.stream is None and own.reason.startswith("nvml: it was there and is gone: NVML: gpu is lost")


def gone():
    raise NVMLError(15)


def test_an_engine_that_does_not_say_where_it_ran_leaves_a_note(observe):
    assert energy(observe({})).device["identified"] == UNCONFIRMED


def test_a_board_lost_in_the_run_leaves_a_reason_for_each_figure(observe, make_spec):
    lost_at_s = (time.perf_counter_ns() - BEGAN) / 1e9 + 1.2
    measured = observe({"uuid": H100["UUID"]}, lost_at_s=lost_at_s)
    assert [fault.code for fault in energy(measured).faults] == ["meter_lost"]
    assert measured.telemetry.unread == {"end of the run": "NVML: gpu is lost"}
    figure = metrics(measured, make_spec())["energy_per_output_token"]
    assert figure.grade == "unavailable" and figure.method.startswith("meter_lost: ") and "gpu is lost" in figure.method
