"""Joules of one meter are not compared with those of another."""

from dataclasses import replace

import pytest

from profiler.metrics.catalogue import METRICS
from profiler.records import readings
from reports.gate.judgement import judge, sides_of
from reports.gate.series import Figure, series_of

TARGET = "torch-cpu@float32"
ENERGY = next(metric for metric in METRICS if metric.name == "energy_per_output_token")


def run_with(bundle, instrument):
    found = series_of(bundle)
    target = found.targets[TARGET]
    figures = {**target.figures, ENERGY.name: Figure("J/tok", "measured", "", (2.0, 2.01, 1.99, 2.0))}
    measured = replace(target, figures=figures, instruments={ENERGY.name: instrument})
    return replace(found, targets={TARGET: measured})


def verdict(make_bundle, before, now):
    baseline = [run_with(make_bundle(), name) for name in before]
    current = [run_with(make_bundle(), name) for name in now]
    return judge(TARGET, ENERGY, sides_of(TARGET, baseline, current), gated=True, tests=1)


def test_the_same_meter_is_judged(make_bundle):
    found = verdict(make_bundle, ["rapl (package)"] * 6, ["rapl (package)"] * 3)
    assert found.verdict == "unchanged" and found.ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (["rapl (package)"] * 3, ["wall meter (wall)"] * 3),
        (["rapl (package)", "wall meter (wall)"], ["rapl (package)"]),
        (["rapl (package)"], ["rapl (package)", "wall meter (wall)"]),
    ],
)
def test_another_meter_is_inconclusive_and_both_are_named(make_bundle, before, now):
    found = verdict(make_bundle, before, now)
    assert found.verdict == "inconclusive" and found.ratio is None
    assert "rapl (package)" in found.explanation and "wall meter (wall)" in found.explanation


def test_what_read_a_figure_is_taken_from_the_record(make_bundle):
    from tests.reports.metered import metered_target

    measured = metered_target().measured
    energy = measured.reading(readings.TARGET).energy
    assert energy.meter in ENERGY.instrument(measured) and energy.scope in ENERGY.instrument(measured)
    assert not METRICS[0].instrument(measured)
