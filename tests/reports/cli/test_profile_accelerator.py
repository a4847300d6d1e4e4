"""A profile with an accelerator: here its backend on PyTorch's ``cpu``, and devices that fail as real ones do."""

import pytest

from profiler.records.bundle import read_bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(chipassay, small_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("accelerator") / "bundle"
    names = ("test-lost", "test-unprobed", "test-host", "test-host@bfloat16", "test-full", "test-refusing")
    targets = [word for target in names for word in ("--target", target)]
    return chipassay(*small_run, *targets, "--reference", "test-host", "--out", out), read_bundle(out)


@pytest.fixture
def records(finished):
    return {target.id: target for target in finished[1].targets}


def test_it_measures_and_passes_parity(records):
    for name in ("test-host@float32", "test-host@bfloat16"):
        record = records[name]
        assert (record.status, record.accelerator) == ("ok", "cpu"), record.failure
        assert record.metrics["decode_throughput"].value > 0
        assert record.metrics["mbu"].value > 0 and record.metrics["mfu"].value > 0
        assert record.worker.engine.step_weight_bytes > 0 and len(record.worker.engine.weights_digest) == 64


def test_what_was_tried_is_on_the_record(records):
    trials = records["test-host@float32"].worker.trials
    assert [trial.work for trial in trials] == ["decode step", "prefill of 8 tokens"]
    assert all(trial.chosen and trial.duration_s > 0 for trial in trials)


def test_the_reference_says_where_it_was_computed(finished):
    assert finished[1].reference.engine.endswith("float32, eager, on cpu")
    assert len(finished[1].reference.weights_digest) == 64


def test_a_device_lost_in_mid_run_is_a_failed_target_in_one_line(records):
    failed = records["test-lost@float32"]
    assert (failed.status, failed.failure.reason) == ("failed", "RuntimeError: CUDA error: GPU is lost")
    assert "TORCH_USE_CUDA_DSA" in failed.failure.stderr_tail


def test_a_device_whose_ceilings_cannot_be_measured_is_a_failed_target(records):
    failed = records["test-unprobed@float32"]
    assert failed.status == "failed" and failed.accelerator == "cuda:7"
    assert failed.failure.reason.startswith("the ceilings of cuda:7 cannot be measured: ")


def test_too_little_free_memory_is_told_with_figures_before_anything_loads(finished, records):
    record = records["test-full@float32"]
    assert record.status == "unavailable"
    assert "of cpu's memory" in record.failure.reason and "0.3 GB are free" in record.failure.reason
    assert not (finished[1].path / "logs" / "test-full@float32.txt").exists()


def test_a_type_the_device_lacks_is_unavailable_with_what_to_use(finished, records):
    record = records["test-refusing@float32"]
    assert record.status == "unavailable" and record.failure.reason.endswith("this chip has no float32; use bfloat16")
    assert finished[0].code == 3


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [
        ("cuda:0", 3, "--reference cuda:0 is unavailable: no NVIDIA driver answers"),
        ("torch-cpu", 2, "--reference takes cpu or an accelerator such as cuda:0, not 'torch-cpu'"),
        ("cuad:0", 2, "unknown target 'cuad': did you mean 'cuda'?"),
    ],
)
def test_a_reference_that_cannot_be_had_is_one_line(chipassay, small_run, tmp_path, reference, code, said):
    done = chipassay(*small_run, "--reference", reference, "--out", tmp_path / "bundle")
    assert done.code == code and said in done.error


@pytest.mark.parametrize("target", ["cuda", "cuda:0", "cuda:x", "npu:1", "mlu:0", "musa:0", "xpu:0@float16"])
def test_an_accelerator_that_is_not_here_is_one_clear_line(chipassay, small_run, tmp_path, target):
    done = chipassay(*small_run, "--target", target, "--out", tmp_path / "bundle")
    assert done.code == 3 and " is unavailable: " in done.error and ";" in done.error
    assert not (tmp_path / "bundle").exists()
