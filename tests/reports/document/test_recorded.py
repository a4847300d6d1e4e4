"""What a run records in English is said in Chinese where its template is known; the source has each template."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from reports.document.language import catalogue, words

ROOT = Path(__file__).parents[3]
KEYS = sorted(key for key in catalogue() if key.startswith("recorded."))
PLACE = re.compile(r"\{[^{}]*\}")


@cache
def templates_of_the_source() -> str:
    """Every text of the source, the holes of an f-string as ``{}``; a line each."""
    found = []
    for room in ("backends", "profiler", "reports"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values]
                    found.append("".join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize("key", KEYS)
def test_each_piece_of_a_template_is_a_text_of_the_source(key):
    pieces = [piece for piece in PLACE.split(catalogue()[key]["en"]) if re.search(r"[a-z]{3}", piece)]
    assert [piece for piece in pieces if piece not in templates_of_the_source()] == []


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_have_the_same_places(key):
    entry = catalogue()[key]
    assert sorted(PLACE.findall(entry["zh"])) == sorted(PLACE.findall(entry["en"]))


def test_values_are_kept_and_translated_too():
    text = "summing 256 MiB of float32: median of samples beside the repetitions, each the fastest of 3 passes"
    shown = words("zh").quoted(text)
    assert "“" not in shown and "256 MiB" in shown and "求和" in shown
    assert words("en").quoted(text) == text


def test_clauses_are_translated_one_by_one_and_an_unknown_one_leaves_a_quotation():
    known = "no sample was taken; nothing was run, and a schedule has no spread between tokens"
    assert "“" not in words("zh").quoted(known)
    assert words("zh").quoted(known + "; nvml said no") == f"“{known}; nvml said no”"
