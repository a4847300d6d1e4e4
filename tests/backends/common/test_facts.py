"""Facts that people edit are read into records; a mistake is pointed at with file, line and field."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from backends.common import facts
from backends.common.errors import InputError


@dataclass(frozen=True)
class Where:
    page: int
    title: str = ""


@dataclass(frozen=True)
class Fact:
    id: str
    kind: Literal["a", "b"]
    where: tuple[Where, ...] = ()
    cover: Where | None = None
    peaks: dict[Literal["fp16", "int8"], float] = field(default_factory=dict)


GOOD = """schema: test/1
things:
  - id: one
    kind: a
    where:
      - page: 1
        title: first
      - {page: 2}
    cover:
      page: 3
    peaks:
      fp16: 2.5
"""


def read(text):
    return facts.records(Fact, facts.document(text, "mine.yaml", "test/1", ("things",)), "things")


def test_entries_become_records_by_id():
    peaks = {"fp16": 2.5}
    assert read(GOOD) == {"one": Fact("one", "a", (Where(1, "first"), Where(2)), Where(3), peaks)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("test/1", "test/2", r"^mine\.yaml:1: schema: .*'test/1'.*'test/2'"),
        ("things:", "thing:", r"^mine\.yaml:2: .*'thing'.*'things'"),
        ("kind: a", "kinds: a", r"^mine\.yaml:4: .*'kinds'.*'kind'"),
        ("    kind: a\n", "", r"^mine\.yaml:3: kind: is missing from 'one'"),
        ("kind: a", "kind: c", r"^mine\.yaml:4: kind: .*'c'.*known are a, b"),
        ("title: first", "titel: first", r"^mine\.yaml:7: .*'titel'.*'title'"),
        ("      - page: 1\n        title: first", "      - title: first", r"^mine\.yaml:6: page: is missing"),
        ("page: 1", "page: x", r"^mine\.yaml:6: where\[0\]\.page: .*`int`.*`str`"),
        ("{page: 2}", "{page: x}", r"^mine\.yaml:8: where\[1\]\.page: "),
        ("page: 3", "pages: 3", r"^mine\.yaml:10: .*'pages'"),
        ("page: 3", "page: x", r"^mine\.yaml:10: cover\.page: "),
        ("fp16: 2.5", "fp17: 2.5", r"^mine\.yaml:12: fp17: .*did you mean 'fp16'"),
        ("fp16: 2.5", "fp16: fast", r"^mine\.yaml:11: peaks\[\.\.\.\]: .*`float`.*`str`"),
        (
            "    cover:",
            "  - {id: one, kind: b}\n  - id: two\n    kind: b\n    cover:",
            r"^mine\.yaml:9: id: 'one' .*twice",
        ),
    ],
)
def test_a_mistake_names_file_line_and_field(old, new, message):
    assert old in GOOD
    with pytest.raises(InputError, match=message) as error:
        read(GOOD.replace(old, new))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [("", r"mine\.yaml:4: source: .*no source"), ("wikki", r"mine\.yaml:4: source: .*'wikki'.*'wiki'")],
)
def test_every_fact_needs_a_source_of_the_table(source, message):
    root = facts.document(f"schema: test/1\nthings:\n  - id: x\n    source: {source}\n", "mine.yaml", "test/1")
    (entry,) = root.items("things")
    with pytest.raises(InputError, match=message):
        facts.check_sources(entry, [source] if source else [], {"wiki": "..."})


@pytest.mark.parametrize("figure", [0, -1, float("inf"), float("nan")])
def test_a_figure_must_be_positive_and_finite(figure):
    root = facts.document(f"schema: test/1\npage: {figure}\n", "mine.yaml", "test/1")
    facts.check_positive(root, Where(3), ["page"])
    with pytest.raises(InputError, match=r"mine\.yaml:2: page: "):
        facts.check_positive(root, Where(figure), ["page"])


def test_a_pattern_must_be_a_regular_expression():
    root = facts.document("schema: test/1\npattern: (x\n", "mine.yaml", "test/1")
    facts.check_pattern(root, "pattern", "x+")
    with pytest.raises(InputError, match=r"mine\.yaml:2: pattern: "):
        facts.check_pattern(root, "pattern", "(x")
