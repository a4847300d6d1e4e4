"""A mistake in a data file is pointed at with file and line."""

import pytest

from backends.common.errors import InputError
from backends.common.yaml_lines import load_located


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"^data\.yaml:3: 'a' stands twice in one mapping"),
        ("list:\n  - x: 1\n    y: 2\n    x: 3\n", r"^data\.yaml:4: 'x' stands twice"),
        ("a: [1, 2\nb: 3\n", r"^data\.yaml:2: not valid YAML"),
        ("a: b: c\n", r"^data\.yaml:1: not valid YAML"),
        ("- 1\n- 2\n", r"^data\.yaml:1: the document must be a mapping"),
        ("", r"^data\.yaml:1: the document must be a mapping"),
        ("a: !!python/object/apply:os.system ['true']\n", r"^data\.yaml:1: not valid YAML"),
    ],
)
def test_what_cannot_be_read_names_its_line(text, message):
    with pytest.raises(InputError, match=message) as error:
        load_located(text, "data.yaml")
    assert "\n" not in str(error.value)


def test_every_entry_knows_its_line():
    root = load_located("# comment\nschema: x\nthings:\n  - a: 1\n\n  - a: 2\n    b: {c: 3}\n  - {a: 3}\n", "data.yaml")
    assert root.line == 2
    assert [(entry.value["a"], entry.line) for entry in root.items("things")] == [(1, 4), (2, 6), (3, 8)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("things: 3\n", r"data\.yaml:1: 'things' must be a list"),
        ("other: []\n", r"data\.yaml:1: 'things' must be a list"),
        ("things: [1]\n", r"data\.yaml:1: 'things' must list mappings, found 1"),
    ],
)
def test_a_list_of_something_else_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        list(load_located(text, "data.yaml").items("things"))
