"""Targets that only a vendor's tools were asked about: told in every format, and in no conclusion."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace

import jsonschema
import pytest
from rich.console import Console

from profiler.models.presets import presets
from profiler.records.host import Component, Host
from profiler.records.target import Failed, Failure
from reports.document.language import ENGLISH, words
from reports.document.notation import DASH
from reports.document.sections.brief import brief
from reports.document.sections.closing import limits
from reports.document.sections.summary import what_ran
from reports.judge.comparison.comparison import compare
from reports.judge.comparison.processor import processor_of
from reports.judge.comparison.standing import standing
from reports.judge.dependence import dependence
from reports.judge.judgement import judge
from reports.judge.origin import origin_of
from reports.judge.projection.own_runs import observations_of
from reports.render.csv_report import render_csv
from reports.render.html import render_html
from reports.render.json_report import render_json, report_schema
from reports.render.markdown import render_markdown
from reports.render.terminal import print_report
from tests.outcomes import altered
from tests.reports import shown
from tests.reports.bundles import bundle, h200_bundle, host, known_chip, modelled_bundle, modelled_target, target

pytestmark = pytest.mark.slow

IDS = ("tpu-mlir:bm1684x@float16", "nncase:k230@float32", "tpu-mlir:bm1690@int4")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def mixed():
    return compare([modelled_bundle()])


@pytest.fixture(scope="module")
def alone():
    return compare([modelled_bundle(measured=False)])


@pytest.fixture(scope="module")
def measured():
    return compare([modelled_bundle(targets=modelled_bundle().targets[:2])])


def terminal(bundles, width, capsys):
    print_report(judge(compare(bundles)), Console(width=width))
    return capsys.readouterr().out


# Which chip it is about


def test_the_processor_is_the_catalogues_chip_and_not_the_hosts():
    part = processor_of(modelled_target(), host())
    assert (part.name, part.vendor, part.designer_country) == ("Sophgo BM1684X", "Sophgo", "CN")
    assert part.details["chip"]["id"] == "sophgo-bm1684x" and part.details["chip"]["foundry_country"] == "TW"
    assert part.source == "named by the target tpu-mlir:bm1684x, not found in the machine"


def test_of_a_failed_compiler_too_it_is_the_chip():
    failed = replace(modelled_target(), outcome=Failed(Failure("it broke")))
    assert processor_of(failed, host()).name == "Sophgo BM1684X"


def test_a_chip_that_the_catalogue_lacks_has_the_targets_name_and_an_open_standing(mixed):
    row = mixed.rows[-1]
    found = standing(row.chip, mixed.as_of, mixed.destination)
    assert (row.chip.name, row.chip.vendor) == ("bm1690", None)
    assert found.label == "indeterminate" and found.open.code == "not_in_catalogue"


def test_an_accelerator_of_the_host_is_not_taken_for_the_chip():
    gpu = known_chip("nvidia-h200-sxm", "accelerator", pci_address="00000000:3B:00.0")
    assert processor_of(modelled_target(), Host("x", (*host().components, gpu), {})).name == "Sophgo BM1684X"


def test_its_engine_is_the_toolchain_and_no_work_was_done(mixed):
    row = mixed.groups[0].modelled[0]
    origin = origin_of(row, standing(row.chip, mixed.as_of, "CN"))
    parts = {part.role: part for part in origin.parts}
    assert (parts["engine"].name, parts["engine"].company, parts["engine"].country) == (
        "tpu-mlir 1.30.2", "Sophgo", "CN",
    )  # fmt: skip
    assert parts["design"].country == "CN" and (origin.work_share, origin.share_key) == (None, "not_run")


def test_the_label_does_not_name_the_machine_that_compiled():
    comparison = compare([modelled_bundle(), h200_bundle(with_cpu=True)])
    labels = [row.label for row in comparison.groups[0].rows]
    assert labels[2:5] == list(IDS) and all("·" in label for label in labels[:2] + labels[5:])


# No conclusion


def test_modelled_targets_change_no_conclusion(mixed, measured):
    with_, without = (json.loads(render_json(judge(one))) for one in (mixed, measured))
    for name in ("fastest", "comparable"):
        assert with_["conclusions"][name] == without["conclusions"][name]
    apart = with_["dependence"].pop("modelled")
    assert without["dependence"].pop("modelled") == [] and with_["dependence"] == without["dependence"]
    assert [one["label"] for one in apart] == list(IDS)
    assert [one["restricted"] for one in apart] == [False, False, None]
    for found, expected in zip(with_["targets"], without["targets"], strict=False):
        assert found == expected
    for name in ("measured", "declared", "would_change"):
        assert with_["conclusions"]["brief"][name] == without["conclusions"]["brief"][name]


def test_they_are_in_no_set_of_the_study(mixed):
    study = dependence(mixed.groups[0], mixed)
    assert [row.record.id for row in study.modelled] == list(IDS) and study.infeasible == ()
    places = {row.place for row in study.modelled}
    assert not places & {place for place, _ in study.positions}
    assert all(row.place not in places for row in study.rows)
    assert all(mixed.groups[0].relative_speed(row) is None for row in study.modelled)


def test_a_projection_does_not_learn_from_them():
    both, ran = modelled_bundle(), modelled_bundle(targets=modelled_bundle().targets[:2])
    assert observations_of(both) == observations_of(ran) and observations_of(modelled_bundle(measured=False)) == ()


def test_charts_draw_measured_targets_only(mixed):
    page = render_html(judge(mixed))
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "torch-cpu" in drawings and "tpu-mlir" not in drawings and "nncase" not in drawings
    assert "(modelled by its vendor&#39;s tools)" in page[page.index("Not drawn:") :]


# Words


def test_the_first_sentence_tells_what_ran_from_what_was_asked(mixed, alone, measured):
    def said(comparison, language="en"):
        return what_ran(comparison.groups[0], comparison, words(language))

    assert said(mixed).endswith("; 2 targets on AMD EPYC 7B13, and 3 more through vendors' tools, without the chip.")
    assert said(alone).endswith("; 3 targets, all through vendors' tools, without the chip.")
    assert said(measured).endswith("; 2 targets on AMD EPYC 7B13.")
    assert "测量了 2 条执行路径，另有 3 条只经厂商工具" in said(mixed, "zh")
    assert "测量" not in said(alone, "zh")
    left = compare([modelled_bundle(unfinished=("tpu-mlir:bm1688@int4", "onnx-cpu@int8"))])
    assert said(left).endswith("; 3 targets on AMD EPYC 7B13, and 4 more through vendors' tools, without the chip.")


def test_the_brief_says_what_is_expected_of_which_chip_and_that_nothing_rests_on_it(mixed):
    found = brief(judge(mixed).groups[0])
    assert found.verdict[-1].startswith("tpu-mlir:bm1684x@float16, nncase:k230@float32 and tpu-mlir:bm1690@int4 were")
    assert found.verdict[-1].endswith("excluded from all conclusions.")
    timed, untimed, wrong = found.modelled
    assert timed == (
        "tpu-mlir:bm1684x@float16: ≈44.9\u202ftok/s in decode and ≈31.4\u202fms to the first token, expected of Sophgo "
        "BM1684X by the compiler's static schedule; its simulator's results passed parity."
    )
    assert "gives no times" in untimed and "Canaan Kendryte K230" in untimed
    assert "too far from the reference" in wrong


def test_with_compilers_alone_nothing_is_said_to_have_run(alone):
    found = brief(judge(alone).groups[0])
    assert found.verdict[0] == "Nothing was run, so nothing can be compared."
    assert "No dependence can be computed: no target is comparable." in found.verdict
    assert found.measured == ()


def test_the_limits_name_them(mixed, measured):
    assert ENGLISH("page.limits_modelled") in limits(mixed, ENGLISH)
    assert ENGLISH("page.limits_modelled") not in limits(measured, ENGLISH)
    assert ENGLISH("page.limits_measured_only") in limits(measured, ENGLISH)
    assert ENGLISH("page.limits_measured_only") not in limits(mixed, ENGLISH)


# Tables


def test_they_form_a_block_of_their_own_with_marks_and_without_a_ratio(mixed):
    comparable, modelled = shown.table(mixed).bodies
    assert [line.label for line in comparable.lines] == ["onnx-cpu@float32", "torch-cpu@float32"]
    assert modelled.kind == "modelled" and [line.label for line in modelled.lines] == list(IDS)
    for line in modelled.lines:
        relative, *figures, _ = line.cells
        assert relative.text == DASH
        assert all(cell.text.startswith("≈") or (cell.text == DASH and cell.footnote) for cell in figures)
    assert [line.cells[-1].tone for line in modelled.lines] == ["good", "good", "bad"]
    assert [line.cells[-1].text for line in modelled.lines] == [
        *[ENGLISH("parity.simulated.passed")] * 2, ENGLISH("parity.simulated.failed"),
    ]  # fmt: skip
    assert ENGLISH("grade.mark.modelled_by_tools", mark="≈") in shown.notes(shown.section(mixed, "comparison"))


def test_what_only_they_have_is_no_column_of_the_measured(mixed, measured):
    table = shown.table(mixed)
    comparable, modelled = ([table.columns[at].term for at in body.columns] for body in table.bodies)
    assert comparable == [column.term for column in shown.table(measured).columns]
    assert modelled == [
        "decode_throughput", "prefill_throughput", "ttft", "tpot_p50", "peak_device_memory", "parity",
    ]  # fmt: skip


def test_one_that_nothing_was_simulated_of_has_no_verdict():
    (body,) = shown.table(compare([bundle(targets=(modelled_target(passed=None),))])).bodies
    assert (body.lines[0].cells[-1].text, body.lines[0].cells[-1].tone) == (DASH, "plain")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_terminal_prints_the_block_below_with_dashed_lines_and_cuts_nothing(width, capsys):
    out = terminal([modelled_bundle()], width, capsys)
    assert max(map(len, out.splitlines())) <= width and "…" not in out
    above, _, below = out.partition(ENGLISH("modelled.block"))
    above = above[above.index(f"\n{ENGLISH('page.comparison')}\n") :]
    assert "onnx-cpu@float32" in above and "tpu-mlir" not in above and "Device memory" not in above
    block = below[: below.index("¹")]
    assert "┄┄┄" in block and "──" not in block and "vs fastest" not in block and "onnx-cpu" not in block
    assert block.count("≈44.9") == 2 and "Device memory" in block
    assert "failed in simulation" in block
    assert "Decoder layer" not in out, "the graphs are for the files"


def test_the_terminal_makes_sense_of_compilers_alone(capsys):
    out = terminal([modelled_bundle(measured=False)], 100, capsys)
    assert "vs fastest" not in out and "Modelled by the vendor's tools; not run" in out
    assert "is excluded from all conclusions: top-1 agreement" in out.replace("\n", " ")


def test_markdown_has_a_table_of_their_own(mixed):
    text = render_markdown(judge(mixed))
    first, _, rest = text.partition("**Modelled by the vendor's tools; not run**")
    table = rest[: rest.index("\n\n1. ")]
    assert "tpu-mlir:bm1684x@float16 |" not in first and "vs fastest" not in table
    assert "| tpu-mlir:bm1684x@float16 | ≈44.9" in table and "| tpu-mlir:bm1690@int4 (not comparable) |" in table
    assert "## Modelled by vendors' compilers: nothing here was run" in rest
    assert "| Decoder layer, decode | 28 | ≈610\u202fµs |" in rest
    assert "- tpu-mlir:bm1684x@float16: computed by the vendor's cmodel, not by a chip; one layer with the ends" in rest


def test_csv_tells_status_grade_and_chip_on_every_line(mixed):
    lines = [line for line in csv.DictReader(io.StringIO(render_csv(judge(mixed)))) if line["target"] == IDS[0]]
    assert {line["status"] for line in lines} == {"modelled"}
    assert {line["grade"] for line in lines} == {"modelled", "unavailable"}
    assert {(line["processor"], line["restricted"]) for line in lines} == {("Sophgo BM1684X", "no")}


def test_the_panel_has_every_figure_of_every_graph_and_what_they_leave_out(mixed):
    found = shown.grids(shown.section(mixed, "modelled"))
    graphs, facts, untimed, *_ = found
    assert len(found) == 6 and not any("terminal" in grid.formats for grid in found)
    assert graphs.caption == "tpu-mlir:bm1684x@float16: each graph as tpu-mlir 1.30.2 compiled it for Sophgo BM1684X"
    assert graphs.rows[0] == (
        "Decoder layer, prefill", "28", "≈935\u202fµs", "≈935\u202f000", "≈57.3\u202fMB", "≈31.5\u202fMB",
        "≈3.10\u202fMB", "0.9999993", "0.0170 of 11.5", "2.30\u202fs", "31.0\u202fs",
    )  # fmt: skip
    assert [row[0] for row in graphs.rows[1:]] == ["Decoder layer, decode", "Head, prefill and decode"]
    told = dict(facts.rows)
    assert told["Chip"] == (
        "Sophgo BM1684X · designed in CN; named by the target tpu-mlir:bm1684x, not found in the machine"
    )
    assert told["Times are from"] == "the compiler's static schedule"
    assert told["Left out of the figures"] == "the embedding look-up on the host is not in the times"
    assert told["Rewrites of the export"] == "finite_mask (×3) and reduce_axes_to_attribute (×12)"
    assert told["Parity"].startswith("passed in simulation; computed by the vendor's cmodel, not by a chip")
    assert "as of 2026-11-23 for CN" in told["Export control"]
    assert untimed.rows[0][2:7] == (DASH,) * 5


def test_without_modelled_targets_there_is_no_panel_and_no_block(measured):
    assert shown.section(measured, "modelled") is None
    page = render_html(judge(measured))
    assert '<tbody class="modelled">' not in page and "panel modelled" not in page


def test_an_output_that_is_not_a_number_is_said_to_be_none():
    record = modelled_target(passed=False)
    compiled = record.examined.compiled
    graphs = tuple(replace(graph, max_abs_error=1.7976931348623157e308) for graph in compiled.graphs)
    record = altered(record, report=replace(record.examined, compiled=replace(compiled, graphs=graphs)))
    comparison = compare([bundle(targets=(record,))])
    graphs = shown.grids(shown.section(comparison, "modelled"))[0]
    assert {row[8] for row in graphs.rows} == {ENGLISH("facts.not_finite")}


def test_provenance_tells_the_host_as_the_one_that_simulated(mixed):
    page = render_html(judge(mixed))
    cards = page[page.index("How each target ran") : page.index("What was run")]
    assert html.unescape(cards).count(ENGLISH("modelled.not_run")) == 3
    assert ENGLISH("modelled.host", processor="AMD EPYC 7B13 · designed in US") in cards


def test_the_chinese_report_has_chinese_heads_and_sentences(mixed):
    say = words("zh")
    section = shown.section(mixed, "modelled", "zh")
    said = [section.title, *shown.notes(section, ""), *shown.notes(section)]
    said += [title for grid in shown.grids(section) for title in grid.head]
    said += [*brief(judge(mixed).groups[0], say).modelled, *brief(judge(mixed).groups[0], say).verdict[-1:]]
    assert [one for one in said if not CHINESE.search(one)] == []
    for render in (render_html, render_markdown):
        text = render(judge(mixed), say)
        assert "厂商工具建模；未运行" in text and "模拟中未通过" in text
        assert "Modelled by the vendor" not in text and "passed in simulation" not in text


def test_two_runs_of_one_compiler_are_told_apart_by_their_folders():
    two = [bundle(f"/runs/{name}", targets=(modelled_target(layers=layers), target("torch-cpu", "float32", 1, 0.1)),
                  created=f"2026-11-2{layers % 7}T10:00:00Z") for name, layers in (("a", 8), ("b", 9))]  # fmt: skip
    labels = [row.label for row in compare(two).rows if row.modelled]
    assert labels == ["tpu-mlir:bm1684x@float16 · a", "tpu-mlir:bm1684x@float16 · b"]


def test_a_component_needs_no_vendor_to_be_shown():
    part = processor_of(replace(modelled_target(chip_id=""), device=""), host())
    assert part == Component("accelerator", "tpu-mlir", details={"chip": {"status": "unknown"}}, source=part.source)
    assert part.source == "named by the target tpu-mlir, not found in the machine"


# Boards


@pytest.fixture(scope="module")
def boards():
    made = bundle(targets=(modelled_target(precision="int4"),))
    model = replace(made.index.model, spec=presets()["qwen2.5-1.5b"].spec)
    return compare([replace(made, index=replace(made.index, model=model))])


def test_published_results_of_boards_stand_beside_the_estimate_with_their_source(boards):
    found = shown.grids(shown.section(boards, "modelled"))
    grid = found[1]
    assert grid.caption.endswith("against published results of boards, whole qwen2.5-1.5b")
    decode_tok_s = 1 / (28 * 610e-6 + 5.2e-3)
    first = dict(zip(grid.head, grid.rows[0], strict=True))
    assert first["Published"] == "41.1\u202ftok/s" and first["Expected"] == f"≈{decode_tok_s:.1f}\u202ftok/s"
    assert first["Expected over published"] == f"{decode_tok_s / 41.078:.2f}×"
    assert first["Source"].startswith("https://") and "includes the host" in first["What else differs"]
    told = dict(found[-1].rows)["Published boards"]
    assert told == "tpu-mlir:bm1684x@int4: its decode estimate is 1.09×–1.59× the 3 published results of boards with " \
        "the chip."  # fmt: skip
    assert told in brief(judge(boards).groups[0]).modelled
    assert told in shown.terminal(compare(boards.bundles))


def test_the_ratios_are_in_the_json_too(boards):
    document = json.loads(render_json(judge(boards)))
    jsonschema.validate(document, report_schema())
    found = document["targets"][0]["compiled"]["board_results"]
    assert found[0]["ratio"] == pytest.approx(1 / (28 * 610e-6 + 5.2e-3) / 41.078)
    assert found[0]["published"]["source"]["retrieved"] == "2026-11-25"


def test_without_a_published_result_it_says_that_the_estimate_is_unchecked(mixed):
    found = shown.grids(shown.section(mixed, "modelled"))
    assert dict(found[1].rows)["Published boards"] == ENGLISH("modelled.no_board")
    untimed = next(grid for grid in found if grid.caption.startswith(f"{IDS[1]}: what"))
    assert "Chip" in dict(untimed.rows)
    assert "Published boards" not in dict(untimed.rows), "a tool that gives no times has no estimate to check"
