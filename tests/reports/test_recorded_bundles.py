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
SINCE = (
    ".raw", ".model.routing", ".model.storage", ".model.active_parameters", ".extended", ".parity.arithmetic",
    ".parity.weights", ".parity.hidden_reason",
)  # fmt: skip
"""Fields that came later."""


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
    impossible = {path.rpartition(".")[0] for path, value in now.items() if path.endswith(".raw") and value is not None}
    for figure in impossible:
        assert before[f"{figure}.value"] == now[f"{figure}.raw"] > 1, "a utilisation above its ceiling"
        assert now[f"{figure}.value"] is None

    def kept(document):
        parts = {
            path: value for path, value in document.items() if not any(path.startswith(f"{one}.") for one in impossible)
        }
        return {path: value for path, value in parts.items() if not path.endswith(SINCE)}

    assert kept(now).keys() == kept(before).keys()
    assert {path: value for path, value in kept(now).items() if value != pytest.approx(before[path], nan_ok=True)} == {}
