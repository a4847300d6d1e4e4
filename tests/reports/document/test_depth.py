"""Targets that ran some layers only: told in every format, with the method of each figure, and in no conclusion."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import jsonschema
import pytest

from backends.contract.workload import Workload
from profiler.depth.choice import Depths
from profiler.depth.figures import Extension, Sample
from profiler.metrics.catalogue import Context
from profiler.records.target import Depth, Extended
from reports.document.language import ENGLISH, words
from reports.document.sections.brief import brief
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.csv_report import render_csv
from reports.render.html import render_html
from reports.render.json_report import render_json, report_schema
from reports.render.markdown import render_markdown
from tests.reports import shown
from tests.reports.bundles import OUTPUT_TOKENS, PROMPT_TOKENS, QWEN3_06B, bundle, ceilings, parity, target

DEPTHS = Depths((1, 9), 14)


def sampled_target(*, passed: bool = True, slow: float = 1.0):
    """A target whose TTFT is 0.2 s and 0.04 s a layer, and whose step takes 20 ms and 5 ms a layer.

    The third depth took ``slow`` times as long.
    """
    samples, depths = {}, []
    for at, layers in enumerate(DEPTHS.all):
        spec = QWEN3_06B.with_layers(layers)
        pace = slow if layers == DEPTHS.check else 1.0
        times = (pace * (0.2 + 0.04 * layers), pace * (0.02 + 0.005 * layers))
        record = target("torch-cpu", "float32", *times, seed=at, passed=passed)
        context = Context(spec, PROMPT_TOKENS, "float32", ceilings())
        samples[layers] = Sample(layers, record.measured, context)
        use = "check" if layers == DEPTHS.check else "line"
        depths.append(Depth(layers, use, record.metrics, f"depths/{layers}/targets/t.json", parity(passed)))
    work = Workload("chat", (tuple(range(PROMPT_TOKENS)),), OUTPUT_TOKENS)
    made = Extension(QWEN3_06B, work, "float32", DEPTHS, samples, {})
    figures = made.figures()
    outcome = Extended(QWEN3_06B.layers, tuple(depths), figures, made.lines)
    return replace(target("torch-cpu", "float32", 1.0, 0.1), outcome=outcome)


@pytest.fixture(scope="module")
def comparison():
    return compare([bundle(targets=(sampled_target(),))])


@pytest.fixture(scope="module")
def method(comparison):
    return comparison.rows[0].metric("ttft").method


def test_it_is_sampled_and_concludes_nothing(comparison):
    (row,) = comparison.rows
    assert row.record.status == "sampled" and not row.conclusive
    assert comparison.groups[0].fastest is None
    (said,) = [line for line in brief(judge(comparison).groups[0]).verdict if row.label in line]
    assert "1, 9 and 14 of 28 layers" in said and "did not run" in said
    assert shown.section(comparison, "comparison") is None
    assert shown.section(comparison, "parity") is None


def test_the_section_shows_whole_sampled_active_and_total(comparison):
    depths, figures, _ = shown.grids(shown.section(comparison, "depth"))
    assert [line[0] for line in depths.rows] == ["1", "9", "14", "28"]
    uses = [ENGLISH(f"depth.use.{use}") for use in ("line", "line", "check", "whole")]
    assert [line[1] for line in depths.rows] == uses
    assert depths.rows[-1][2] == "596 million parameters" and depths.rows[-1][-1] == "—"
    assert [line[-1] for line in depths.rows[:3]] == [ENGLISH("parity.passed")] * 3
    ttft = next(line for line in figures.rows if line[0] == "TTFT")
    assert ttft[-1].startswith("line through 1 and 9 of 28 layers; the third depth 14 was off by")
    assert ttft[4].endswith("%") and ttft[5].startswith("1.3")


def test_every_format_carries_the_method(comparison, method):
    judgement = judge(comparison)
    for text in (render_html(judgement), render_markdown(judgement), shown.terminal(comparison)):
        assert method in text.replace("&amp;", "&")
        assert ENGLISH("depth.use.whole") in text
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(render_csv(judgement)))}
    assert rows["ttft"]["status"] == "sampled" and rows["ttft"]["method"] == method
    assert rows["tpot_p99"]["value"] == "" and rows["decode_throughput"]["grade"] == "derived"


def test_the_json_has_depths_and_lines_and_keeps_its_schema(comparison, method):
    document = json.loads(render_json(judge(comparison)))
    jsonschema.validate(document, report_schema())
    (one,) = document["targets"]
    assert one["status"] == "sampled" and one["metrics"]["ttft"]["method"] == method
    assert [depth["layers"] for depth in one["extended"]["depths"]] == [1, 9, 14]
    assert one["extended"]["lines"]["decode_step"]["per_layer"] == pytest.approx(0.005, rel=0.05)
    assert document["model"]["active_parameters"] > 0


def test_chinese_translates_the_method(comparison, method):
    translated = words("zh").quoted(method)
    assert "直线" in translated and "line" not in translated
    figures = shown.grids(shown.section(comparison, "depth", "zh"))[1]
    assert any(translated in line for line in figures.rows)


def test_beside_a_whole_run_of_the_same_model_it_stands_apart():
    whole = bundle("/runs/whole", targets=(target("torch-cpu", "float32", 1.32, 0.16),))
    sampled = bundle("/runs/sampled", targets=(sampled_target(),), created="2026-11-24T00:00:00Z")
    both = compare([whole, sampled])
    (group,) = both.groups
    assert [row.bundle.path.name for row in group.conclusive] == ["whole"]
    assert len([line for body in shown.table(both).bodies for line in body.lines]) == 1
    assert shown.section(both, "depth") is not None


def test_a_depth_that_fails_parity_makes_it_not_comparable():
    both = compare([bundle(targets=(sampled_target(passed=False),))])
    assert both.rows[0].record.status == "not_comparable"
    depths = shown.grids(shown.section(both, "depth"))[0]
    assert depths.rows[0][-1] == ENGLISH("parity.failed")
    for text in (render_html(judge(both)), shown.terminal(both)):
        assert "torch-cpu@float32" in text


def test_a_line_that_misses_the_third_depth_is_a_warning(comparison):
    assert shown.notes(shown.section(comparison, "depth"), "warning") == []
    bent = compare([bundle(targets=(sampled_target(slow=1.5),))])
    (warning,) = shown.notes(shown.section(bent, "depth"), "warning")
    assert "33 %" in warning or "34 %" in warning
