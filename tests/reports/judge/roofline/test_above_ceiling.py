"""A wrong ceiling: the utilisation above it is marked in every format, and nothing rests on it."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.records.plausibility import ABOVE_CEILING, NOISE, code_of
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.judge.roofline import PHASES
from reports.render.csv_report import report_frame
from reports.render.html import render_html
from reports.render.json_report import render_json
from reports.render.markdown import render_markdown
from tests.reports.bundles import GEMM_PEAK, READ_BANDWIDTH, bundle, ceilings, target

pytestmark = pytest.mark.slow


def judged(read_factor=1.0, gemm_factor=1.0):
    """Two targets under ceilings that are too low by the factors."""
    low = ceilings(READ_BANDWIDTH / read_factor, {"float32": GEMM_PEAK / gemm_factor})
    targets = (
        target("torch-cpu", "float32", 1.42, 0.1835, seed=11, under=low),
        target("onnx-cpu", "float32", 1.15, 0.0921, seed=12, under=low),
    )
    return judge(compare([bundle(targets=targets, limits={"cpu": low})]))


@pytest.fixture(scope="module")
def impossible():
    return judged(gemm_factor=6)


def test_the_figure_is_marked_and_kept_raw(impossible):
    for row in impossible.groups[0].group.rows:
        mfu = row.metric("mfu")
        assert code_of(mfu) == ABOVE_CEILING
        assert mfu.raw > 1 and mfu.value is None
        assert row.metric("mbu").value is not None


def test_every_format_says_so(impossible):
    assert "above_ceiling" in render_html(impossible)
    assert "above\\_ceiling" in render_markdown(impossible)
    first = json.loads(render_json(impossible))["targets"][0]["metrics"]["mfu"]
    assert first["value"] is None and first["raw"] > 1 and first["method"].startswith("above_ceiling: ")
    frame = report_frame(impossible)
    row = frame[frame.metric == "mfu"].iloc[0]
    assert math.isnan(row["value"]) and row["raw"] > 1


def test_nothing_rests_on_it(impossible):
    study = impossible.groups[0].study
    for (_, phase), place in study.positions.items():
        assert (place.measured.bound is None) == (phase == "prefill")
    prefill = next(one for one in study.phases if one.phase == "prefill")
    assert not [one for one in prefill.factors if one.basis == "measured"]


def test_the_chart_draws_it_apart_and_its_title_counts_it(impossible):
    html = render_html(impossible)
    assert "2 points lie above their measured roofs" in html
    assert "2 points under their own roofs" in html


@settings(max_examples=15)
@given(read=st.floats(0.2, 20), gemm=st.floats(0.2, 20))
def test_no_wrong_ceiling_reaches_a_conclusion(read, gemm):
    made = judged(read, gemm).groups[0]
    for row in made.group.rows:
        for name in ("mbu", "mfu"):
            figure = row.metric(name)
            assert figure.value is None or (figure.ci95[0] if figure.ci95 else figure.value / (1 + NOISE)) <= 1
    for phase in made.study.phases:
        for one in phase.factors:
            if one.basis == "measured":
                assert one.software <= math.log(1.1), "a share of its ceiling, up to its noise"
    assert all(place.phase in PHASES for place in made.study.positions.values())
