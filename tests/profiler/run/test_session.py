"""A session run in this process, on a model too small to be a preset."""

import itertools
import re
from io import StringIO

import pytest
from rich.console import Console

from backends.contract import registry
from backends.contract.registry import parse_target
from backends.qwen.synthetic import synthetic_model
from profiler.records.bundle import read_bundle
from profiler.run import together
from profiler.run.progress import Progress
from profiler.run.request import Request
from profiler.run.session import run_session
from reports.judge.comparison.ratio import pairs_of
from tests.profiler.run.test_supervisor import another_python

pytestmark = pytest.mark.slow


@pytest.fixture
def run(plugin_folder, make_spec, make_workload_of, monkeypatch, tmp_path):
    """Profile a tiny synthetic model on the given targets."""
    monkeypatch.syspath_prepend(plugin_folder)
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder))
    registry._entry_points.cache_clear()

    def go(*names, output_tokens=3, budget_s=0.5, **options):
        targets = tuple(parse_target(name, "float32") for name in names)
        work = make_workload_of(6, output_tokens)
        request = Request(
            synthetic_model(make_spec()), work, targets, 1, budget_s, 0.02, 120.0, "chipassay profile", **options
        )
        with Progress(Console(file=StringIO())) as progress:
            return run_session(request, tmp_path / "bundle", progress).records

    yield go
    registry._entry_points.cache_clear()


def test_synthetic_weights_must_be_the_references(run):
    forged, honest = run("test-forged", "test-host@bfloat16")
    assert forged.status == "failed"
    assert forged.failure.reason.startswith("its weights are not the reference's: their digest begins ffffffff")
    assert honest.status == "ok", honest.failure


def test_a_target_is_measured_by_the_worker_of_its_own_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ELSEWHERE_PYTHON", str(another_python(tmp_path / "vendor")))
    (record,) = run("test-elsewhere@bfloat16")
    assert record.status == "ok", record.failure
    told = record.worker.engine.details
    assert (told["prefix"], told["variable"]) == (str(tmp_path / "vendor"), "the vendor's variable")


def test_an_environment_that_is_gone_fails_its_target(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ELSEWHERE_PYTHON", str(tmp_path / "removed" / "python"))
    (gone,) = run("test-elsewhere@bfloat16")
    assert gone.status == "failed"
    assert "cannot be started" in gone.failure.reason


def test_targets_of_the_processor_take_turns_and_one_that_fails_leaves(run, tmp_path):
    torch, forged, onnx = run("torch-cpu", "test-forged", "onnx-cpu", output_tokens=30, budget_s=4.0)
    assert forged.status == "failed"
    pairs = pairs_of(torch, onnx)
    assert len(pairs) > 5
    for one, other in pairs:
        apart_ns = max(one.begin_ns, other.begin_ns) - min(
            one.begin_ns + one.duration_ns, other.begin_ns + other.duration_ns
        )
        assert 0 <= apart_ns < 2e9, "one after the other, and side by side"
    spans = sorted(
        (run.start_ns, run.start_ns + run.token_ns[-1]) for record in (torch, onnx) for run in record.worker.counted
    )
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans)), "nobody runs beside another"
    assert {len(record.worker.segments) for record in (torch, onnx)} == {len(torch.worker.segments)}
    how = read_bundle(tmp_path / "bundle").ceilings["cpu"].gemm["float32"].method
    assert re.match(r"\d+x\d+x(2048|1024|512|256|128) float32 product by ", how), "of the model's shape, or half of it"


def test_one_by_one_has_no_segments(run):
    records = run("torch-cpu", "onnx-cpu", output_tokens=30, one_by_one=True)
    assert [record.worker.segments for record in records] == [(), ()]


def test_what_does_not_fit_together_runs_alone(run, monkeypatch):
    monkeypatch.setattr(together, "available_bytes", lambda: 10**9)
    records = run("torch-cpu", "onnx-cpu", output_tokens=30)
    assert [record.status for record in records] == ["ok", "ok"]
    assert [record.worker.segments for record in records] == [(), ()]
