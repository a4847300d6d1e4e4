"""A model measured at three depths in this process, from the choice to the bundle."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from backends.common.errors import StorageError
from backends.contract.registry import parse_target
from backends.qwen.synthetic import synthetic_model
from profiler.depth import choice
from profiler.depth.choice import pattern
from profiler.depth.session import run_sampled
from profiler.records.bundle import read_bundle
from profiler.run import session
from profiler.run.progress import Progress
from profiler.run.request import Request
from tests.backends.qwen.families import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asked(make_spec, make_workload_of):
    model = synthetic_model(replace(make_spec(), layers=8))
    return Request(
        model, make_workload_of(6, 3), (parse_target("torch-cpu", None),), 1, 0.5, 0.02, 120.0, "x --layers auto"
    )


def sampled(request, out):
    with Progress(Console(file=StringIO())) as progress:
        return run_sampled(request, out, progress)


@pytest.fixture(scope="module")
def bundle(asked, tmp_path_factory):
    outcome = sampled(asked, tmp_path_factory.mktemp("sampled") / "bundle")
    assert not outcome.interrupted
    return read_bundle(outcome.path)


def test_the_bundle_holds_the_whole_model_and_a_bundle_a_depth(bundle, asked):
    assert bundle.index.model == asked.model and bundle.index.state == "complete"
    (record,) = bundle.targets
    assert record.status == "sampled" and record.model_digest == asked.model.digest
    assert [(one.layers, one.use) for one in record.extended.depths] == [(1, "line"), (3, "line"), (4, "check")]
    for one in record.extended.depths:
        inner = read_bundle(bundle.path / "depths" / str(one.layers))
        assert inner.index.model.spec.layers == one.layers
        assert inner.index.command == f"x --layers {one.layers}"
        assert inner.targets[0].metrics == one.figures and one.parity == inner.targets[0].parity
        assert (bundle.path / one.record).is_file()
        assert f"depths/{one.layers}/bundle.json" in bundle.index.files


def test_extended_figures_follow_from_the_samples(bundle):
    (record,) = bundle.targets
    first, second, _ = record.extended.depths
    figure = record.metrics["peak_memory"]
    ends = [one.figures["peak_memory"].value for one in (first, second)]
    assert figure.value == pytest.approx(ends[0] + (ends[1] - ends[0]) / 2 * 7) or figure.value is None
    assert record.metrics["energy_per_output_token"].value is None


@pytest.mark.parametrize("family", ["qwen3_moe", "qwen3_5"])
def test_the_ends_alone_are_a_depth(asked, tmp_path, monkeypatch, family):
    monkeypatch.setattr(choice, "LARGEST_SHARE", 8)
    model = synthetic_model(replace(TINY[family], layers=4 * TINY[family].full_every))
    outcome = sampled(replace(asked, model=model), tmp_path / "bundle")
    (record,) = outcome.records
    assert [one.layers for one in record.extended.depths] == [0, pattern(model.spec)[1]]
    assert record.status == "sampled" and record.metrics["peak_memory"].value > 0
    assert all(one.figures["ttft"].value > 0 and one.parity.passed for one in record.extended.depths)


def test_a_depth_of_the_line_that_fails_ends_the_run(asked, tmp_path, monkeypatch):
    def fail(request, out, progress):
        raise StorageError("the disk is full")

    monkeypatch.setattr("profiler.depth.session.run_session", fail)
    with pytest.raises(StorageError, match="the disk is full"):
        sampled(asked, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_an_interrupt_keeps_the_depths_that_are_done(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "LARGEST_SHARE", 4)  # depths 1 and 2, checked by 0
    ran = []

    def stop(request, out, progress):
        ran.append(request.model.spec.layers)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return session.run_session(request, out, progress)

    monkeypatch.setattr("profiler.depth.session.run_session", stop)
    outcome = sampled(asked, tmp_path / "bundle")
    assert outcome.interrupted and ran == [0, 1]
    bundle = read_bundle(outcome.path)
    assert bundle.index.state == "interrupted"
    (record,) = bundle.targets
    assert "the run ended before" in record.metrics["ttft"].method
    assert record.extended.depths[0].figures["ttft"].value > 0
