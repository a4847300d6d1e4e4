"""Operators in the report: the matrix, the dependence on what lies outside accelerators, and what is not feasible."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest

from reports.document.language import ENGLISH, words
from reports.document.notation import percent_to_a_tenth
from reports.document.sections.operators import sentence
from reports.judge.comparison.comparison import compare
from reports.judge.dependence import dependence
from reports.judge.judgement import judge
from reports.render.html import render_html
from reports.render.json_report import render_json, report_schema
from reports.render.markdown import render_markdown
from tests.reports import shown
from tests.reports.bundles import bundle, cuda_target, h200_bundle, kunpeng_bundle, modelled_target
from tests.reports.placed import placed_bundles, placements, with_operators

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def comparison():
    return compare(placed_bundles())


@pytest.fixture(scope="module")
def document(comparison):
    return json.loads(render_json(judge(comparison)))


def test_the_document_holds_every_placement_and_keeps_to_its_schema(document):
    jsonschema.Draft202012Validator(report_schema()).validate(document)
    by_label = {one["label"]: one["operators"] for one in document["targets"]}
    assert by_label["torch-cpu@float32 · Kunpeng-920"] == []
    rejected = [one for one in by_label["rknn:rk3588@float16"] if one["where"] == "rejected"]
    assert {(one["operator"], one["evidence"], one["note"]) for one in rejected} == {
        ("Sigmoid", "compiled", "no such operator")
    }
    assert {one["phase"] for one in rejected} == {"prefill", "decode"}


def test_operator_dependence_is_the_share_outside_the_accelerator(document):
    found = {(one["label"].split("@")[0], one["phase"]): one for one in document["dependence"]["operators"]}
    own = {
        (label, phase): [
            each
            for target in document["targets"]
            if target["label"].startswith(label)
            for each in target["operators"]
            if each["phase"] == phase
        ]
        for label, phase in found
    }
    assert set(found) == {(label, phase) for label in ("cuda:0", "tpu-mlir:bm1684x", "rknn:rk3588")
                          for phase in ("prefill", "decode")}  # fmt: skip
    for key, one in found.items():
        total = sum(each["flops"] for each in own[key])
        outside = sum(each["flops"] for each in own[key] if each["where"] != "accelerator")
        assert one["flops_outside"] == pytest.approx(outside / total)
        assert sum(one["bytes_share"].values()) == pytest.approx(1)
        assert sum(one["count"].values()) == sum(each["count"] for each in own[key])
    assert found["cuda:0", "decode"]["evidence"] == "executed" and not found["cuda:0", "decode"]["modelled"]
    assert found["rknn:rk3588", "decode"]["rejected"] == ["Sigmoid"] and found["rknn:rk3588", "decode"]["modelled"]
    assert (
        found["tpu-mlir:bm1684x", "decode"]["bytes_outside"] > 0 == found["tpu-mlir:bm1684x", "decode"]["flops_outside"]
    )


def test_a_path_that_rejects_an_operator_is_not_feasible(document):
    infeasible = {one["label"]: one["reason"] for one in document["dependence"]["infeasible"]}
    assert infeasible == {"rknn:rk3588@float16": "the path rejects Sigmoid"}
    assert [one["label"] for one in document["dependence"]["modelled"]] == ["tpu-mlir:bm1684x@float16"]


def test_a_measured_path_that_rejects_an_operator_takes_part_in_no_conclusion():
    refusing = with_operators(cuda_target(), placements("executed", rejected=("Softmax",)))
    comparison = compare([h200_bundle(targets=(refusing,)), kunpeng_bundle()])
    (group,) = comparison.groups
    study = dependence(group, comparison)
    assert [row.record.id for row in study.rows] == ["torch-cpu@float32"]
    assert [row.rejected for row in study.infeasible] == [("Softmax",)]
    assert "the path rejects Softmax" in render_markdown(judge(comparison))
    willing = with_operators(cuda_target(), placements("executed", host=("Softmax",)))
    assert compare([h200_bundle(targets=(willing,))]).groups[0].fastest is not None


def test_nothing_of_a_modelled_target_enters_what_was_measured(comparison, document):
    assert document["conclusions"]["comparable"] == [
        "cuda:0@bfloat16 · NVIDIA H200", "torch-cpu@float32 · Kunpeng-920"
    ]  # fmt: skip
    cells = [cell for grid in shown.grids(shown.section(comparison, "operators")) for row in grid.rows for cell in row]
    assert not any("tok/s" in cell or " ms" in cell for cell in cells), "a matrix of places has no speeds in it"


def test_the_matrix_shows_operators_by_work_and_the_place_on_each_path(comparison):
    section = shown.section(comparison, "operators")
    decode, notes = shown.grids(section)[0], shown.notes(section)
    assert decode.head[:4] == ("Operator", "Nodes", "FLOPs", "Bytes")
    assert [name.split("@")[0] for name in decode.head[4:]] == ["cuda:0", "tpu-mlir:bm1684x", "rknn:rk3588"]
    rows = {row[0]: row[4:] for row in decode.rows}
    assert next(iter(rows)) == "MatMul"
    assert rows["Softmax"] == ("host (executed)", "accelerator (compiled)", "accelerator (compiled)")
    assert rows["Sigmoid"][2] == "rejected (compiled)"
    assert any(note == "rknn:rk3588@float16: Sigmoid: no such operator" for note in notes)
    assert any("places are from the compiler's own table" in note for note in notes)


def test_one_note_about_many_operators_is_told_once():
    refusing = with_operators(cuda_target(), placements("executed", rejected=("Softmax", "Sigmoid")))
    comparison = compare([h200_bundle(targets=(refusing,))])
    notes = shown.notes(shown.section(comparison, "operators"))
    assert [note.split(": ", 1)[1] for note in notes if "no such operator" in note] in (
        ["Softmax and Sigmoid: no such operator"], ["Sigmoid and Softmax: no such operator"],
    )  # fmt: skip


def test_an_operator_split_between_places_shows_both():
    half = tuple(
        part
        for one in placements()
        for part in ((one, _moved(one)) if (one.phase, one.operator) == ("decode", "MatMul") else (one,))
    )
    comparison = compare([bundle(targets=(with_operators(modelled_target(), half),))])
    matrix = next(grid for grid in shown.grids(shown.section(comparison, "operators")) if grid.head[0] == "Operator")
    assert matrix.rows[0][4] == "253 × accelerator (compiled)\n253 × host (compiled)"


def _moved(one):
    return replace(one, where="host")


def test_every_format_tells_it_in_both_languages(comparison):
    chinese = words("zh")
    page, other = render_html(judge(comparison)), render_html(judge(comparison), chinese)
    assert "Where each operator runs" in page and "Work outside the accelerator" in page
    assert "每个算子在哪里执行" in other and "加速器之外的工作量" in other and "主机（实际执行）" in other
    text = render_markdown(judge(comparison))
    assert "## Where each operator runs" in text and "| Sigmoid | 28 |" in text
    assert not re.search(r"\d\.\d{4,}", text[text.index("## Where each operator") :].split("\n## ")[0])


def test_the_terminal_says_in_one_line_what_lies_outside(comparison):
    text = shown.terminal(comparison)
    assert "rknn:rk3588@float16, decode: >99.9\u202f% of the FLOPs" in text
    assert "host: Gather; rejected: Sigmoid." in text
    row = next(row for row in comparison.groups[0].rows if row.record.operators)
    assert sentence(row, ENGLISH).startswith("cuda:0@bfloat16")


def test_where_nothing_was_measured_the_shares_stand_in_the_panel():
    comparison = compare([bundle(targets=(with_operators(modelled_target(), placements()),))])
    first = shown.grids(shown.section(comparison, "operators"))[0]
    assert first.caption == ENGLISH("operators.dependence")
    assert first.rows[1][:4] == ("tpu-mlir:bm1684x@float16", "tpu-mlir 1.30.2", "decode",
                                          "100\u202f% / >99.9\u202f%")  # fmt: skip


def test_without_placements_there_is_no_panel():
    comparison = compare([bundle()])
    assert shown.section(comparison, "operators") is None
    assert "Where each operator runs" not in render_html(judge(comparison))


@pytest.mark.parametrize(("share", "text"), [
    (0, "0\u202f%"), (1, "100\u202f%"), (1e-9, "<0.1\u202f%"), (1 - 1e-9, ">99.9\u202f%"), (0.5, "50.0\u202f%"),
    (0.00051, "0.1\u202f%"), (0.9994, "99.9\u202f%"),
])  # fmt: skip
def test_a_share_is_all_or_nothing_only_if_it_is_so(share, text):
    assert percent_to_a_tenth(share) == text
