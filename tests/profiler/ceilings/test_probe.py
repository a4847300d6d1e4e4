"""The ceiling of a window, the choice of the fastest library, and the probe that samples it."""

import sys
import time

import pytest

from backends.common.errors import WorkerError
from profiler.ceilings import accelerator, candidate, processor
from profiler.ceilings.candidate import SMALLEST, Shape, choose, shape_like
from profiler.ceilings.probe import CeilingProbe
from profiler.records.ceilings import CeilingSample, ceiling_beside
from profiler.run.supervisor import worker_environment

pytestmark = pytest.mark.slow

SMALL = Shape(256, 256, 512)


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


def test_the_probe_chooses_then_measures_and_dies_when_closed():
    probe = CeilingProbe(1, ["bfloat16", "float32", "int8"], worker_environment(1), shape=SMALL)
    try:
        nothing = probe.ceilings()
        probe.sample()
        probe.sample()
        found = probe.ceilings()
    finally:
        probe.close()
    assert nothing.read_bandwidth.grade == "unavailable"
    assert (found.read_bandwidth.unit, found.read_bandwidth.grade, found.read_bandwidth.n) == ("B/s", "measured", 2)
    assert set(found.gemm) == {"bfloat16", "float32", "int8"}
    assert len(found.gemm_samples["bfloat16"]) == len(found.read_samples) == 2
    assert found.read_samples[0].at_ns < found.read_samples[1].at_ns
    assert found.read_samples[0].amount == processor.READ_BYTES
    assert probe._process.poll() is not None
    for name, ceiling in found.gemm.items():
        assert ceiling.value > 0
        fastest = max((one for one in found.trials[name] if one.rate), key=lambda one: one.rate)
        assert f"{name} product by {fastest.library}" in ceiling.method
    assert {"PyTorch linear layer", "ONNX Runtime MatMul"} <= {one.library for one in found.trials["float32"]}
    assert len(found.trials["read"]) == 3


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
    monkeypatch.setattr(accelerator, "COPY_BYTES", 1 << 20)
    monkeypatch.setattr(accelerator, "GEMM_SIZE", 64)
    module = NoCache()
    found = accelerator.accelerator(module, "cpu", ["float32", "bfloat16", "int8", "float8_e4m3fn"])
    taken = {name: one.take() for name, one in found.items()}
    assert set(taken) == {"read", "float32", "bfloat16", "int8", "float8_e4m3fn"}
    assert taken["read"].amount == 2 * (1 << 20) * accelerator.CALLS
    assert taken["float32"].amount == 2 * 64**3 * accelerator.CALLS
    assert all(sample.duration_ns > 0 for sample in taken.values())
    assert [len(found[name].trials) for name in ("read", "float32", "int8")] == [1, 2, 1]
    assert module.emptied == 10, "after each choice and each sample"


class NoCache:
    """PyTorch's module of a device, as far as the probe uses it."""

    emptied = 0

    def synchronize(self, device):
        assert device == "cpu"

    def empty_cache(self):
        self.emptied += 1


def sleeping(seconds):
    return lambda: lambda: time.sleep(seconds)


def broken():
    raise RuntimeError("no such instruction\nand more")


def test_the_fastest_library_is_chosen_and_one_that_fails_is_recorded():
    found = choose(1e6, [("slow", sleeping(0.02)), ("broken", broken), ("fast", sleeping(0.002))])
    assert found.best.library == "fast"
    assert {one.library: one.failure for one in found.trials} == {
        "slow": "", "fast": "", "broken": "RuntimeError: no such instruction",
    }  # fmt: skip
    assert found.rate == pytest.approx(1e6 / 0.002, rel=0.5)


def test_a_library_that_fails_at_its_first_call_is_not_chosen():
    assert choose(1.0, [("late", lambda: broken)]).best is None


def test_nothing_that_works_is_no_ceiling_and_says_why():
    sampler = choose(1.0, [("only", broken)]).sampler()
    assert sampler.take is None
    assert sampler.trials[0].failure == "RuntimeError: no such instruction"


@pytest.mark.parametrize(
    ("gflop_per_s", "shape"),
    [(400, "1024x1024x3072"), (50, "512x1024x3072"), (10, "256x1024x1536"), (1, "256x256x384"), (1e-6, "256x256x192")],
)
def test_a_slow_arithmetic_gets_a_smaller_product(gflop_per_s, shape):
    affordable = Shape(1024, 1024, 3072).affordable(gflop_per_s * 1e9)
    assert str(affordable) == shape
    assert Shape.parse(str(affordable)) == affordable


def test_the_shape_is_the_models_within_what_is_compute_bound_and_short():
    assert str(shape_like(1024, 3072)) == "1024x1024x3072"
    assert str(shape_like(64, 128)) == "1024x1024x2048"
    assert str(shape_like(8192, 29568)) == "1024x2048x6144"


def test_the_processors_products_are_as_large_as_its_arithmetic_affords(monkeypatch):
    monkeypatch.setattr(candidate, "MOST_PASS_S", 1e6)
    found = processor.processor(1, ["float32"], SMALL)
    assert found["float32"].way.startswith("256x256x512 float32 product by ")
    assert found["float32"].take().amount == SMALL.operations
    monkeypatch.setattr(candidate, "MOST_PASS_S", 0.0)
    assert processor.processor(1, ["float32"], SMALL)["float32"].take().amount <= SMALLEST.operations


def test_an_arithmetic_that_no_library_has_is_said(monkeypatch):
    found = processor.processor(1, ["float4"], SMALL)["float4"]
    assert found.take is None
    assert all("float4" in one.failure for one in found.trials)
