"""The document: its sections in order, those of other packages, and one that is broken."""

from __future__ import annotations

import re

import pytest

from reports.document.language import ENGLISH, words
from reports.document.model import Grid, Paragraph, Section
from reports.document.sections import catalogue, dependence_tables
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.html import render_html
from reports.render.markdown import render_markdown
from tests.reports.bundles import bundle, modelled_bundle


class Point:
    """An entry point that loads what it is given, or raises it."""

    def __init__(self, name, loads):
        self.name, self.value, self.loads = name, f"package:{name}", loads

    def load(self):
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads


def added(view, say):
    return Section("added", "Added", (Paragraph(view.group.workload.name), Grid("g", ("A", "B"), (("x", "y|z"),))))


def failing(view, say):
    raise RuntimeError("first line\nsecond line")


@pytest.fixture
def plugins(monkeypatch):
    def install(*points):
        monkeypatch.setattr(catalogue, "entry_points", lambda group: points if group == "chipassay.sections" else ())

    return install


def names(found):
    return [section.name for section in found.parts[0].sections]


def test_sections_stand_in_the_order_of_the_catalogue():
    found = catalogue.document(judge(compare([modelled_bundle()])))
    assert names(found) == [
        "verdict", "grounds", "comparison", "dependence", "gap", "roofline", "speed", "parity", "origin", "modelled",
        "how_ran", "what_ran",
    ]  # fmt: skip
    assert [section.name for section in found.closing] == ["machines", "again", "terms", "limits"]


def test_a_chinese_document_has_the_same_sections():
    comparison = judge(compare([bundle()]))
    assert names(catalogue.document(comparison, words("zh"))) == names(catalogue.document(comparison))


def test_a_section_of_another_package_stands_before_those_on_how_targets_ran(plugins):
    plugins(Point("added", added))
    comparison = judge(compare([bundle(targets=(), unfinished=("x",))]))
    assert names(catalogue.document(comparison))[-2:] == ["added", "what_ran"]
    assert "<h2>Added</h2>" in render_html(comparison)
    assert r"| x | y\|z |" in render_markdown(comparison)


@pytest.mark.parametrize("broken", [ImportError("no such\nmodule"), failing, lambda view, say: "text"],
                         ids=["not loaded", "raises", "not a section"])  # fmt: skip
def test_a_broken_section_is_one_line_and_the_report_is_made(plugins, capsys, broken):
    plugins(Point("b", broken), Point("a", added))
    found = catalogue.document(judge(compare([bundle(targets=(), unfinished=("x",))])))
    (line,) = capsys.readouterr().err.splitlines()
    assert "'b'" in line and "package:b" in line
    assert "added" in names(found)


def test_markdown_names_every_feasible_target_where_the_page_leaves_out_a_long_list(monkeypatch):
    monkeypatch.setattr(dependence_tables, "MOST_LISTED", 1)
    judgement = judge(compare([bundle()]))
    labels = [row.label for row in judgement.groups[0].study.rows]
    assert len(labels) > 1
    sentence = ENGLISH("dependence.feasible", count=len(labels), who=ENGLISH.listing(labels))
    assert sentence in render_markdown(judgement)
    assert sentence not in re.sub(r"<[^>]+>", "", render_html(judgement))
