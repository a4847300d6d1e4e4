"""Bundles of record schema 1, made by the release that wrote them, still give the numbers they gave then."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from profiler.records.bundle import read_bundle
from reports.judge.comparison.comparison import compare
from reports.judge.judgement import judge
from reports.render.json_report import report_document

RECORDED = Path(__file__).with_name("recorded")
BUNDLES = sorted(path.name for path in RECORDED.iterdir() if path.is_dir())
AS_OF = date(2026, 12, 1)


def numbers(value: object, where: str = "$") -> Iterator[tuple[str, object]]:
    """Every number, truth value and null of a JSON document, with its path."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from numbers(one, f"{where}.{key}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from numbers(one, f"{where}[{at}]")
    elif not isinstance(value, str):
        yield where, value


@pytest.mark.parametrize("name", BUNDLES)
def test_a_recorded_bundle_gives_the_numbers_it_gave(name):
    document = report_document(judge(compare([read_bundle(RECORDED / name)], AS_OF)))
    now = dict(numbers(json.loads(json.dumps(document))))
    before = dict(numbers(json.loads((RECORDED / f"{name}.json").read_text())))
    assert len(before) > 300
    assert now.keys() == before.keys()
    assert {path: now[path] for path in now if now[path] != pytest.approx(before[path], nan_ok=True)} == {}
