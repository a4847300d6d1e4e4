"""A session run in this process, on a model too small to be a preset."""

from io import StringIO

import pytest
from rich.console import Console

from backends.contract import registry
from backends.contract.registry import parse_target
from backends.qwen.synthetic import synthetic_model
from profiler.run.progress import Progress
from profiler.run.request import Request
from profiler.run.session import run_session
from tests.profiler.run.test_supervisor import another_python

pytestmark = pytest.mark.slow


@pytest.fixture
def run(plugin_folder, make_spec, make_workload_of, monkeypatch, tmp_path):
    """Profile a tiny synthetic model on the given targets."""
    monkeypatch.syspath_prepend(plugin_folder)
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder))
    registry._entry_points.cache_clear()

    def go(*names):
        targets = tuple(parse_target(name, "float32") for name in names)
        request = Request(
            synthetic_model(make_spec()), make_workload_of(6, 3), targets, 1, 0.5, 0.02, 120.0, "chipassay profile"
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
