"""The comparison in a terminal: one table where it fits, several below each other if not; no figure is cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from profiler.disturbance.verdict import disturbance
from reports.document import notation
from reports.document.language import ENGLISH
from reports.document.sections.boards import board_sentence
from reports.document.sections.brief import brief
from reports.document.sections.catalogue import panels
from reports.document.sections.comparison import Cell, Line, Table, comparison_table
from reports.document.sections.grids import Grid
from reports.document.sections.modelled_wording import expected
from reports.document.sections.operators import sentence as operators_of
from reports.document.sections.roofline import verdict_of
from reports.document.sections.summary import MOST_NAMED, what_ran
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.samples import counted
from reports.judge.judgement import GroupJudgement, Judgement
from reports.judge.placement import placed_rows

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console, RenderableType

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MOST_PANEL_ROWS = 12
"""Rows of a panel's table that a terminal shows; the files have all."""
PANEL_STYLE = "magenta"
"""Colour of what is projected; nothing measured is shown in it."""
MODELLED_STYLE = "cyan"
"""Colour of what a vendor's tools say of a chip that is not here; nothing measured is shown in it."""
_DASHED = "\n".join(["    ", "    ", " ┄┄ ", "    ", "    ", " ┄┄ ", "    ", "    ", ""])
"""The lines of a table of modelled figures, dashed where those of a measured one are solid."""
_LONGEST_TARGET = 28
_COLUMN_GAP = 3
_EDGES = 2


def print_comparison(judgement: Judgement, console: Console) -> None:
    """Print every group of ``judgement`` at the console's width."""
    for at, judged in enumerate(judgement.groups):
        if at:
            console.print()
            console.print(judgement.comparison.differences[at - 1], style="yellow", markup=False, highlight=False)
        console.print(render_group(judged, console.width))


def render_group(judged: GroupJudgement, width: int) -> RenderableType:
    """One group as a rich renderable for a terminal of ``width`` columns."""
    from rich.console import Group as Stack
    from rich.text import Text

    group, comparison, study = judged.group, judged.comparison, judged.study
    laid_out = comparison_table(group)
    told = brief(judged)
    parts: list[RenderableType] = [_paragraph(what_ran(group, comparison), width, "bold"), Text()]
    if laid_out.comparable or laid_out.set_apart:
        parts += _tables(laid_out, width)
    parts += _modelled(laid_out, width)
    notes = [f"{_superscript(at)} {note}" for at, note in enumerate(laid_out.footnotes, 1)]
    parts += [_paragraph(note, width, "dim") for note in (*notes, *laid_out.marks)]
    parts += [_paragraph(expected(line.row), width, MODELLED_STYLE) for line in laid_out.modelled[:MOST_NAMED]]
    checked = [board_sentence(line.row, group, ENGLISH) for line in laid_out.modelled[:MOST_NAMED]]
    parts += [_paragraph(sentence, width, MODELLED_STYLE) for sentence in checked if sentence]
    apart = [line.row for line in (*laid_out.set_apart, *laid_out.modelled) if line.row.record.status != "modelled"]
    parts += [_paragraph(_apart(row), width, "yellow") for row in apart]
    parts += [_paragraph(_broken(row), width, "red") for row in laid_out.broken]
    parts += [
        _paragraph(f"{row.label}: disturbed {found.verdict}", width, "yellow")
        for row in group.rows
        if (found := disturbance(counted(row.record))).too_much
    ]
    parts += [_paragraph(f"{name} ({machine}): not finished", width, "yellow") for machine, name in group.unfinished]
    parts += [Text(), *(_paragraph(sentence, width) for sentence in told.verdict)]
    for row in group.conclusive[:MOST_NAMED]:
        if said := verdict_of(row, study, group, ENGLISH):
            parts.append(_paragraph(f"{row.label}: {said[0]}", width))
    for row in placed_rows(group.rows)[:MOST_NAMED]:
        parts.append(_paragraph(operators_of(row, ENGLISH), width, MODELLED_STYLE if row.modelled else ""))
    return Stack(*parts, *_panels(judged, width))


def print_panels(judgement: Judgement, console: Console) -> None:
    """Print what stands beside the measured tables, such as projections, group by group."""
    from rich.console import Group as Stack

    for judged in judgement.groups:
        console.print(Stack(*_panels(judged, console.width)))


def _panels(judged: GroupJudgement, width: int) -> list[RenderableType]:
    from rich.text import Text

    parts: list[RenderableType] = []
    for panel in (one for one in panels(judged, ENGLISH) if one.in_terminal):
        parts += [Text(), _paragraph(panel.title, width, f"bold {PANEL_STYLE}"), _paragraph(panel.intro, width)]
        for grid in panel.grids:
            most = MOST_PANEL_ROWS if grid.most_open is None else grid.most_open
            shown = replace(grid, rows=grid.rows[:most])
            parts += [Text(), _paragraph(grid.caption, width, "bold"), *_grid_tables(shown, width)]
            if len(grid.rows) > most:
                more = ENGLISH("page.more_rows", count=len(grid.rows) - most)
                parts.append(_paragraph(f"{more}: report.md and report.json have all", width, "dim"))
        parts += [Text(), *(_paragraph(note, width, "dim") for note in panel.notes)]
    return parts


def _grid_tables(grid: Grid, width: int) -> list[RenderableType]:
    from rich.table import Table as RichTable

    if not grid.rows:
        return []
    columns = [
        [cell.replace(notation.THIN_SPACE, "\u00a0") for cell in cells] for cells in zip(*grid.rows, strict=True)
    ]
    widths = [
        max(len(part) for text in (title, *cells) for part in text.split("\n"))
        for title, cells in zip(grid.head, columns, strict=True)
    ]
    made: list[RenderableType] = []
    for chosen in _pages(widths, width):
        table = RichTable(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        table.add_column(grid.head[0], overflow="fold")
        for at in chosen:
            table.add_column(grid.head[at], justify="right", no_wrap=True, style=PANEL_STYLE)
        for at in range(len(grid.rows)):
            table.add_row(_plain(columns[0][at]), *(_plain(columns[c][at]) for c in chosen))
        made.append(table)
    return made


def _paragraph(text: str, width: int, style: str = "") -> RenderableType:
    """Wrapped text; ``textwrap`` keeps a number and its unit together, where rich would part them."""
    from rich.text import Text

    return Text("\n".join(textwrap.wrap(text, width, break_on_hyphens=False)), style=style, no_wrap=True)


def _tables(laid_out: Table, width: int) -> list[RenderableType]:
    """Measured targets, in as many tables as the width asks for; each repeats the target's name."""
    from rich import box

    lines = (*laid_out.comparable, *laid_out.set_apart)
    shown = laid_out.measured_columns
    titles = ["Target", "vs fastest", *(laid_out.metrics[at].title for at in shown), "Parity"]
    every = [[line.row.label for line in lines], *_columns(lines)]
    columns = [*every[:2], *(every[at + 2] for at in shown), every[-1]]
    return _paged(lines, titles, columns, width, box.SIMPLE_HEAD, section_after=len(laid_out.comparable))


def _modelled(laid_out: Table, width: int) -> list[RenderableType]:
    """Modelled targets under a heading of their own, with the columns that any of them fills."""
    from rich.box import Box

    lines = laid_out.modelled
    if not lines:
        return []
    shown = laid_out.modelled_columns
    titles = ["Target", *(laid_out.metrics[at].title for at in shown), "Parity"]
    every = [[line.row.label for line in lines], *_columns(lines)]
    columns = [every[0], *(every[at + 2] for at in shown), every[-1]]
    head = _paragraph(ENGLISH("modelled.block"), width, f"bold {MODELLED_STYLE}")
    return [head, *_paged(lines, titles, columns, width, Box(_DASHED), MODELLED_STYLE)]


def _paged(
    lines: Sequence[Line], titles: list[str], columns: list[list[str]], width: int, lined: Box, ink: str = "",
    section_after: int = 0,
) -> list[RenderableType]:  # fmt: skip
    from rich.table import Table as RichTable

    widths = [max(len(part) for text in [title, *column] for part in text.split("\n")) for title, column in
              zip(titles, columns, strict=True)]  # fmt: skip
    widths[0] = min(widths[0], _LONGEST_TARGET)
    made: list[RenderableType] = []
    for chosen in _pages(widths, width):
        table = RichTable(
            box=lined, padding=(0, 1), pad_edge=False, header_style=f"bold {ink}", border_style=ink or None
        )
        table.add_column("Target", width=widths[0], overflow="fold")
        for at in chosen:
            table.add_column(titles[at], justify="left" if titles[at] == "Parity" else "right", no_wrap=True)
        for at, line in enumerate(lines):
            style = ink if line.row.conclusive or line.row.record.status == "modelled" else f"dim {ink}"
            table.add_row(
                _plain(columns[0][at]), *(_plain(columns[c][at]) for c in chosen), style=style.strip() or None,
                end_section=at + 1 == section_after < len(lines),
            )  # fmt: skip
        made.append(table)
    return made


def _plain(text: str) -> RenderableType:
    """Text that rich must not read as markup."""
    from rich.text import Text

    return Text(text)


def _columns(lines: Sequence[Line]) -> list[list[str]]:
    relative = [_two_lines(line.relative) for line in lines]
    metrics = [[_two_lines(cell) for cell in cells] for cells in zip(*(line.cells for line in lines), strict=True)]
    return [relative, *metrics, [line.parity for line in lines]]


def _two_lines(cell: Cell) -> str:
    mark = _superscript(cell.footnote) if cell.footnote else ""
    text = f"{cell.text}{mark}".replace(notation.THIN_SPACE, "\u00a0")
    return f"{text}\n{cell.interval}".replace(notation.THIN_SPACE, "\u00a0") if cell.interval else text


def _pages(widths: list[int], width: int) -> list[list[int]]:
    """Split the columns after the first so that each page fits; a column wider than the terminal stands alone."""
    pages: list[list[int]] = [[]]
    used = widths[0] + _EDGES
    for at in range(1, len(widths)):
        needed = widths[at] + _COLUMN_GAP
        if pages[-1] and used + needed > width:
            pages.append([])
            used = widths[0] + _EDGES
        pages[-1].append(at)
        used += needed
    return pages


def _apart(row: Row) -> str:
    reason = row.record.failure.reason if row.record.failure else "its logits are too far from the reference's"
    if row.rejected:
        reason = ENGLISH("operators.rejects", operators=ENGLISH.listing(row.rejected))
    return f"{row.label}: not comparable, takes no part in conclusions: {reason}"


def _broken(row: Row) -> str:
    failure = row.record.failure
    reason = failure.reason if failure else "no reason was recorded"
    remedy = f"; {failure.remedy}" if failure and failure.remedy else ""
    return f"{row.label}: {row.record.status}: {reason}{remedy}"


def _superscript(value: int) -> str:
    return str(value).translate(_SUPERSCRIPTS)
