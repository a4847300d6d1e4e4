"""What the page is made of: caps, folds, panels, sections; charts that follow Vega-Lite's schema."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from backends.operators import OperatorPlacement
from profiler.records.readings import EnergyReading, PowerSample
from profiler.records.target import Spoiler
from reports.document.charts.bars import bar_chart, decode_bars
from reports.document.charts.latency import latency_chart
from reports.document.charts.power import MOST_STEPS, power_chart, power_line
from reports.document.charts.roof import Point, RoofLine, roofline_chart
from reports.document.charts.theme import Theme
from reports.document.charts.waterfall import steps_between, waterfall_chart
from reports.document.language import ENGLISH
from reports.document.model import Grid, Section
from reports.document.sections import catalogue
from reports.document.sections.brief import brief
from reports.document.sections.figures import MOST_DRAWN
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.samples import counted
from reports.judge.judgement import judge
from reports.render.html import MOST_CARDS, MOST_LISTED, render_html
from reports.render.markdown import render_markdown
from tests.outcomes import altered
from tests.reports.bundles import (
    bundle,
    cuda_target,
    digest_of,
    h200_bundle,
    host,
    kunpeng_bundle,
    power,
    target,
)
from tests.reports.placed import with_operators

pytestmark = pytest.mark.slow

MANY = 30


@pytest.fixture(scope="module")
def crowd():
    """A page of many machines with one target each."""
    bundles = [
        bundle(f"/runs/{at}", on=replace(host(), fingerprint=digest_of(f"host {at}")),
               targets=(target("torch-cpu", "float32", 1, 0.1 + at / 1e3, seed=at),),
               created=f"2026-11-{1 + at % 28:02d}T00:00:00Z")
        for at in range(MANY)
    ]  # fmt: skip
    return render_html(judge(compare(bundles)))


def test_many_targets_are_folded_and_the_page_says_how_many(crowd):
    assert crowd.count('class="card"') == MOST_CARDS
    assert f"The {MOST_CARDS} fastest of {MANY}." in crowd
    assert ENGLISH("page.capped", count=MOST_DRAWN, all=MANY) in crowd
    assert f"{MANY - MOST_LISTED} more rows" in crowd


def test_nothing_is_left_out_of_a_page_of_many(crowd):
    for at in range(MANY):
        assert f">torch-cpu@float32</span> · AMD EPYC 7B13 #{digest_of(f'host {at}')[:6]}" in crowd


def test_a_chart_holds_no_more_targets_than_can_be_read(crowd):
    first = re.search(r"<svg.*?</svg>", crowd[crowd.index("decodes") :], re.S)
    assert crowd.count("<figure") <= 9
    assert first is not None


@pytest.fixture
def projected():
    """A section beside the measured ones, as a projection would add it."""
    grid = Grid("Made up", ("Chip", "Decode"), (("huawei-ascend-910b3", "≈123 tok/s"),))

    def make(view, say):
        return Section("projection", "Projection", (grid,), beside=True)

    catalogue.SECTIONS.append(make)
    yield
    catalogue.SECTIONS.remove(make)


@pytest.mark.usefixtures("projected")
def test_a_panel_has_its_own_place_and_colour_and_enters_no_ranking():
    comparison = compare([bundle()])
    page, text = render_html(judge(comparison)), render_markdown(judge(comparison))
    assert '<div class="panel projection">' in page and "huawei-ascend-910b3" in page
    ranking = page[page.index("<h2>Comparison</h2>") : page.index("What the columns mean")]
    assert "910b3" not in ranking
    assert "## Projection" in text and "| huawei-ascend-910b3 | ≈123 tok/s |" in text
    assert "910b3" not in str(comparison.groups[0].conclusive)


def test_sections_without_data_are_not_there():
    page = render_html(judge(compare([bundle()])))
    assert "Power over time" not in page
    assert "Which operators ran where" not in page
    assert "Devices to match" not in page
    assert 'class="panel' not in page


def test_operator_placement_is_shown_where_it_was_recorded():
    operators = (
        OperatorPlacement("decode", "MatMul", 412, 97.0, 99.0, "accelerator", "executed", "a run"),
        OperatorPlacement("decode", "Softmax", 9, 3.0, 1.0, "host", "executed", "a run"),
    )
    page = render_html(judge(compare([h200_bundle(targets=(with_operators(cuda_target(), operators),))])))
    assert "Which operators ran where" in page and "412" in page
    assert "97.0\u202f% of the operations" in page


def test_the_brief_names_what_is_declared_and_what_would_change_the_verdict():
    comparison = compare([h200_bundle(with_cpu=True), kunpeng_bundle()])
    found = brief(judge(comparison).groups[0])
    assert found.verdict[0].startswith("Without the restricted processors, between 91.2")
    assert any("nvidia-h200-sxm: 4.80\u202fTB/s" in line and "high confidence" in line for line in found.declared)
    assert any("AMD EPYC 7763" in line and "US-2025-04-LETTERS" in line for line in found.would_change)
    assert any("if torch-cpu@float32" in line and "D_T would fall from 0.912" in line for line in found.would_change)
    assert any("before 2023-11-17, nvidia-h200-sxm was classified as 3A090" in line for line in found.would_change)


def test_runs_that_were_disturbed_too_much_are_the_first_thing_said():
    record = target("torch-cpu", "float32", 1, 0.1)
    runs = tuple(replace(run, spoilers=(Spoiler("cpu_steal", 0.3, 0.05, "cores"),)) for run in
                 record.worker.repetitions)  # fmt: skip
    spoiled = altered(record, worker=replace(record.worker, repetitions=runs))
    comparison = compare([bundle(targets=(spoiled, target("onnx-cpu", "float32", 1, 0.05)))])
    found = brief(judge(comparison).groups[0])
    assert found.verdict[0].startswith("1 of 2 comparable targets was disturbed too much")
    assert any(line.startswith("A quiet machine: torch-cpu@float32") for line in found.would_change)


@pytest.mark.parametrize("bundles", [
    [bundle()], [bundle(with_ceilings=False)], [h200_bundle()], [h200_bundle(with_cpu=True), kunpeng_bundle()],
    [bundle(targets=(target("torch-cpu", "float32", 1, 0.1, count=1),))], [bundle(targets=(), unfinished=("x",))],
], ids=["one machine", "no ceilings", "one target", "dependence", "one repetition", "nothing"])  # fmt: skip
def test_no_sentence_of_the_brief_is_without_a_number(bundles):
    comparison = compare(bundles)
    found = brief(judge(comparison).groups[0])
    lines = [*found.measured, *found.declared, *found.modelled, *found.would_change]
    exempt = ("failed", "could not run here", "unavailable", "was interrupted", "there is only one")
    assert [line for line in lines if not re.search(r"\d", line) and not any(word in line for word in exempt)] == []


def test_charts_follow_the_schema_of_vega_lite():
    comparison = compare([h200_bundle(with_cpu=True), kunpeng_bundle()])
    rows = comparison.groups[0].conclusive
    theme = Theme("narrow")
    line = power_line(rows[0].record.energy, counted(rows[0].record))
    steps = steps_between(("slow", 0), ("fast", 1), (10.0, 20.0), [("silicon", 1.2), ("software", -0.507)])
    drawn = [
        bar_chart(decode_bars(rows, ENGLISH), "tok/s", theme),
        latency_chart(rows, theme, ENGLISH),
        power_chart(line, 0, ("s", "W"), theme),
        waterfall_chart(steps, "tok/s", theme),
        roofline_chart([RoofLine("a", 1e11, 1e12, 0)], [Point("a", 2.0, 1e11, 0, True)], ("x", "y"), theme),
    ]
    for chart in drawn:
        assert chart.to_dict(validate=True)["layer"]


def test_the_steps_of_a_waterfall_lead_from_one_target_to_the_other():
    steps = steps_between(("slow", 4), ("fast", 2), (10.0, 24.0), [("silicon", 1.0), ("software", -0.1245)])
    assert [step.name for step in steps] == ["slow", "silicon", "software", "fast"]
    assert steps[1].begin == pytest.approx(10) and steps[1].end == pytest.approx(steps[2].begin)
    assert steps[2].end == pytest.approx(10 * 2.4, rel=1e-3)
    assert [step.place for step in steps] == [4, None, None, 2]


def test_power_by_hand():
    # 10 W for 2 s, then 100 W for 1 s, then 10 W again.
    at = [0, 2, 3, 5]
    joules = [0.0, 20.0, 120.0, 140.0]
    samples = tuple(PowerSample(second * 10**9, energy) for second, energy in zip(at, joules, strict=True))
    reading = EnergyReading("m", "s", 0.1, (0, 10**9), (4 * 10**9, 5 * 10**9), samples)
    run = replace(counted(bundle().targets[0])[0], start_ns=2 * 10**9, token_ns=(5 * 10**8, 10**9))
    line = power_line(reading, [run])
    assert [step.watts for step in line.steps] == [10, 100, 10]
    assert (line.mean_w, line.peak_w, line.idle_w) == (100, 100, 10)
    assert line.work == ((2.0, 3.0),)
    assert power_line(replace(reading, samples=samples[:1]), [run]) is None
    assert power_line(reading, [replace(run, start_ns=9 * 10**9)]) is None


def test_dense_power_samples_are_joined_and_keep_their_energy():
    samples = tuple(PowerSample(at * 10**7, at * 1.5 + (at % 7) * 0.01) for at in range(5000))
    reading = replace(power(), samples=samples, idle_before_ns=(0, 10**7), idle_after_ns=(10**7, 2 * 10**7))
    run = replace(counted(bundle().targets[0])[0], start_ns=10**9, token_ns=(10**8, 2 * 10**8))
    line = power_line(reading, [run])
    assert len(line.steps) <= MOST_STEPS + 1
    whole = sum(step.watts * (step.end_s - step.begin_s) for step in line.steps)
    assert whole == pytest.approx(samples[-1].energy_j - samples[0].energy_j)
    assert line.idle_w == pytest.approx((samples[2].energy_j - samples[0].energy_j) / 0.02)
