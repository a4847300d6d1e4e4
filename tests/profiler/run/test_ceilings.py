"""The ceiling of a window, and the probe that samples it."""

import sys

import pytest

from backends.common.errors import WorkerError
from profiler.records.ceilings import CeilingSample, ceiling_beside
from profiler.run import ceilings
from profiler.run.ceilings import CeilingProbe, affordable_size
from profiler.run.supervisor import worker_environment

pytestmark = pytest.mark.slow


def sample(at, rate):
    return CeilingSample(at_ns=at, amount=rate * 2.0, duration_ns=2_000_000_000)


@pytest.mark.parametrize(
    ("samples", "ceiling"),
    [
        ([sample(0, 10), sample(100, 30)], 20),
        ([sample(0, 99), sample(20, 10), sample(90, 30), sample(100, 99)], 20),
        ([sample(90, 30), sample(20, 10)], 20),
        ([sample(50, 99), sample(20, 10), sample(80, 30)], 20),
        ([sample(20, 10)], None),
        ([sample(80, 10)], None),
        ([], None),
        ([sample(60, 5), sample(70, 5)], None),
    ],
    ids=["enclosed", "nearest", "any order", "inside ignored", "none after", "none before", "none", "only inside"],
)
def test_a_window_is_judged_by_the_mean_of_the_nearest_samples_around_it(samples, ceiling):
    assert ceiling_beside(samples, 20, 80) == ceiling


def test_the_probe_measures_bandwidth_and_products_and_dies_when_closed(monkeypatch):
    probe = CeilingProbe(1, ["bfloat16", "float32"], worker_environment(1))
    try:
        nothing = probe.ceilings()
        probe.sample()
        probe.sample()
        found = probe.ceilings()
    finally:
        probe.close()
    assert nothing.read_bandwidth.grade == "unavailable"
    assert (found.read_bandwidth.unit, found.read_bandwidth.grade, found.read_bandwidth.n) == ("B/s", "measured", 2)
    assert set(found.gemm) == {"bfloat16", "float32"}
    assert found.gemm["float32"].value > 0
    assert len(found.gemm_samples["bfloat16"]) == len(found.read_samples) == 2
    assert found.read_samples[0].at_ns < found.read_samples[1].at_ns
    assert found.read_samples[0].amount == ceilings.READ_BYTES
    assert probe._process.poll() is not None


def test_a_probe_that_died_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    probe = CeilingProbe(1, ["float32"], {})
    try:
        with pytest.raises(WorkerError, match="the ceilings of the machine cannot be measured: its process died"):
            probe.sample()
    finally:
        probe.close()


def test_a_device_that_is_not_there_is_one_line_and_no_traceback(capfd):
    probe = CeilingProbe(1, ["bfloat16"], worker_environment(1), "cuda:0")
    try:
        with pytest.raises(WorkerError, match=r"the ceilings of cuda:0 cannot be measured: \w+: .+") as caught:
            probe.sample()
    finally:
        probe.close()
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_an_accelerator_is_measured_by_copies_and_products_of_random_values(monkeypatch):
    """On PyTorch's ``cpu``, with small sizes: what is counted is what is moved and multiplied."""
    monkeypatch.setattr(ceilings, "DEVICE_COPY_BYTES", 1 << 20)
    monkeypatch.setattr(ceilings, "DEVICE_GEMM_SIZE", 64)
    probes = ceilings._accelerator(NoCache(), "cpu", ["float32", "bfloat16"])
    taken = {name: take() for name, take in probes.items()}
    assert set(taken) == {"read", "float32", "bfloat16"}
    assert taken["read"].amount == 2 * (1 << 20) * ceilings.DEVICE_CALLS
    assert taken["float32"].amount == 2 * 64**3 * ceilings.DEVICE_CALLS
    assert all(sample.duration_ns > 0 for sample in taken.values())
    assert NoCache.emptied == 3


class NoCache:
    """PyTorch's module of a device, as far as the probe uses it."""

    emptied = 0

    def synchronize(self, device):
        assert device == "cpu"

    def empty_cache(self):
        NoCache.emptied += 1


@pytest.mark.parametrize(("gflop_per_s", "size"), [(400, 1536), (15, 1536), (8, 1024), (1, 512), (0.01, 256)])
def test_a_slow_arithmetic_gets_a_smaller_product(gflop_per_s, size):
    flop = 2.0 * 256**3
    assert affordable_size(CeilingSample(0, flop, round(flop / gflop_per_s))) == size


def test_the_processors_products_are_as_large_as_its_arithmetic_affords(monkeypatch):
    monkeypatch.setattr(ceilings, "MOST_PASS_S", 0.0)
    probes = ceilings._processor(1, ["float32"])
    assert probes["float32"]().amount == 2.0 * ceilings.GEMM_SIZES[-1] ** 3
    monkeypatch.setattr(ceilings, "MOST_PASS_S", 1e6)
    probes = ceilings._processor(1, ["float32"])
    assert probes["float32"]().amount == 2.0 * ceilings.GEMM_SIZE**3
