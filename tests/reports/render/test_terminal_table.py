"""The terminal's table: nothing is cut, and each page names what its rows are about."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from reports.render.terminal_table import paragraph, tables


def printed(parts, width):
    console = Console(file=io.StringIO(), width=width)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


HEAD = ("operator", "note", *(f"column {at}" for at in range(8)))
ROWS = [(f"op{row}", "n", *(f"{row}.{at}" for at in range(8))) for row in range(3)]


@pytest.mark.parametrize("width", [40, 60, 120, 200])
def test_every_cell_is_printed_and_every_page_repeats_the_first_columns(width):
    pages = tables(HEAD, ROWS, width, repeated=2)
    out = printed(pages, width)
    assert max(map(len, out.splitlines())) <= width
    assert all(cell in out for row in ROWS for cell in row)
    assert [out.count(row[0]) for row in ROWS] == [len(pages)] * 3


def test_a_page_leaves_out_a_row_that_is_empty_on_it():
    rows = [("a", "x" * 30, "y" * 30), ("all", "sum", ""), ("heading", "", "")]
    first, second = (printed([page], 45) for page in tables(("n", "p", "q"), rows, 45))
    assert "all" in first and "all" not in second
    assert "heading" in first and "heading" in second


def test_a_folded_column_wraps_and_the_head_may_be_missing():
    out = printed(tables(("", ""), [("cpu", "word " * 30)], 40, folded=1), 40)
    lines = out.splitlines()
    assert len(lines) > 3 and lines[0].startswith("cpu") and max(map(len, lines)) <= 40


def test_a_cell_brings_its_colour_and_no_cell_is_markup():
    out = printed(tables(("a", "b"), [("[red]x", Text("y", style="red"))], 80), 80)
    assert "[red]x" in out and "y" in out


def test_wrapped_text_keeps_numbers_and_units_together():
    out = printed([paragraph("speed 10.6\u202ftok/s", 12, hanging=2)], 12)
    assert out.splitlines() == ["speed", "  10.6\u202ftok/s"]
