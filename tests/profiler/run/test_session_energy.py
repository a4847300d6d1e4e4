"""A whole run under a meter of constant power: joules, tokens and time must agree with each other."""

from pathlib import Path

import pytest

from backends.contract.registry import Target
from profiler.metrics.catalogue import Context, compute_metrics
from profiler.models.presets import find_model
from profiler.models.workloads import make_workload
from profiler.records.bundle import read_bundle
from profiler.records.readings import HOST
from profiler.run.progress import Progress
from profiler.run.session import Request, run_session
from profiler.sampling import instruments, watch
from tests.profiler.devices.stand_in import POWER_W, StandIn

pytestmark = pytest.mark.slow

PROMPT_TOKENS, OUTPUT_TOKENS = 9, 5
"""Unlike any other test's, so that this one leaves no reference in the cache that another expects to compute."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path, cache_folder: Path):
    """One target, profiled in this process with a stand-in meter."""
    from rich.console import Console

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments, "METERS", (StandIn,))
        patch.setattr(watch, "IDLE_S", 0.3)
        patch.setattr(watch, "SETTLE_S", 0.0)
        model = find_model(str(tiny_checkpoint), None, 0)
        workload = make_workload("smoke", model, PROMPT_TOKENS, OUTPUT_TOKENS, 1)
        targets = (Target("torch-cpu", "", "float32"),)
        request = Request(model, workload, targets, 1, 0.5, 0.02, 120, "chipassay profile", modelled_energy=True)
        out = tmp_path_factory.mktemp("energy") / "run"
        with Progress(Console(quiet=True)) as progress:
            run_session(request, out, progress)
    return read_bundle(out)


def test_energy_is_power_times_time(bundle):
    (target,) = bundle.targets
    windows = {window.phase: window for window in target.worker.energy_windows}
    assert list(windows) == ["idle", "generate", "prefill"]
    for phase, name, tokens in (("generate", "energy_per_output_token", OUTPUT_TOKENS),
                                ("prefill", "prefill_energy_per_prompt_token", PROMPT_TOKENS)):  # fmt: skip
        window = windows[phase]
        seconds = (window.end_ns - window.begin_ns) / 1e9
        figure = target.metrics[name]
        assert seconds >= 1.0 and figure.grade == "measured"
        assert figure.value == pytest.approx(POWER_W * seconds / window.generations / tokens, rel=0.02)
        assert figure.ci95 is None or figure.ci95[0] <= figure.value <= figure.ci95[1]
        assert "generations back to back" in figure.method and "from resolution" in figure.method
    assert target.metrics["mean_power"].value == pytest.approx(POWER_W, rel=0.02)
    assert target.metrics["idle_power"].value == pytest.approx(POWER_W, rel=0.05)
    assert target.metrics["loaded_idle_power"].value == pytest.approx(POWER_W, rel=0.02)


def test_what_is_all_idle_power_leaves_no_net_energy_that_could_be_told(bundle):
    (target,) = bundle.targets
    figure = target.metrics["net_energy_per_output_token"]
    assert figure.grade == "unavailable" and figure.method.startswith("error_too_large")


def test_every_figure_comes_out_the_same_from_the_stored_record(bundle):
    (target,) = bundle.targets
    ceilings = bundle.ceilings_of(target)
    context = Context(bundle.index.model.spec, PROMPT_TOKENS, target.precision, ceilings, target.accelerator)
    assert compute_metrics(target.measured, context) == target.metrics
    assert target.measured.sampler.reads >= target.energy.samples_taken
    assert target.measured.sampler.cpu_s / target.measured.sampler.wall_s < 0.05


def test_a_target_on_the_processor_needs_no_telemetry(bundle):
    (target,) = bundle.targets
    assert target.measured.telemetry is None and target.measured.reading(HOST).energy is None
    for name in ("peak_device_memory", "peak_allocated_memory", "host_energy_per_output_token"):
        assert target.metrics[name].grade == "unavailable"


def test_a_meter_goes_before_any_model(bundle):
    (target,) = bundle.targets
    assert target.measured.power_model is None
    assert {figure.grade for figure in target.metrics.values()} <= {"measured", "derived", "unavailable"}
