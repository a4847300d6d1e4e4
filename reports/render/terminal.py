"""The comparison in a terminal: one table where it fits, several below each other if not; no figure is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from profiler.disturbance.verdict import disturbance
from reports.document import notation
from reports.document.language import ENGLISH
from reports.document.model import Cell
from reports.document.sections.boards import board_sentence
from reports.document.sections.brief import brief
from reports.document.sections.catalogue import panels
from reports.document.sections.comparison import Line, Table, comparison_table
from reports.document.sections.difference import difference
from reports.document.sections.grids import Panel
from reports.document.sections.modelled_wording import expected
from reports.document.sections.operators import sentence as operators_of
from reports.document.sections.roofline import verdict_of
from reports.document.sections.summary import MOST_NAMED, what_ran
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.samples import counted
from reports.judge.judgement import GroupJudgement, Judgement
from reports.judge.placement import placed_rows
from reports.render.terminal_table import paragraph, tables

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MOST_PANEL_ROWS = 12
"""Rows of a panel's table that a terminal shows; the files have all."""
PANEL_STYLE = "magenta"
"""Colour of what is projected; nothing measured is shown in it."""
MODELLED_STYLE = "cyan"
"""Colour of what a vendor's tools say of a chip that is not here; nothing measured is shown in it."""
_LONGEST_TARGET = 28


def print_comparison(judgement: Judgement, console: Console) -> None:
    """Print every group of ``judgement`` at the console's width."""
    for at, judged in enumerate(judgement.groups):
        if at:
            console.print()
            console.print(
                difference(judgement.comparison.groups[0], judged.group, ENGLISH),
                style="yellow",
                markup=False,
                highlight=False,
            )
        console.print(render_group(judged, console.width))


def render_group(judged: GroupJudgement, width: int) -> RenderableType:
    """One group as a rich renderable for a terminal of ``width`` columns."""
    from rich.console import Group as Stack
    from rich.text import Text

    group, comparison, study = judged.group, judged.comparison, judged.study
    laid_out = comparison_table(group)
    told = brief(judged)
    parts: list[RenderableType] = [paragraph(what_ran(group, comparison), width, "bold"), Text()]
    if laid_out.comparable or laid_out.set_apart:
        parts += _tables(laid_out, width)
    parts += _modelled(laid_out, width)
    notes = [f"{_superscript(at)} {note}" for at, note in enumerate(laid_out.footnotes, 1)]
    parts += [paragraph(note, width, "dim") for note in (*notes, *laid_out.marks)]
    parts += [paragraph(expected(line.row), width, MODELLED_STYLE) for line in laid_out.modelled[:MOST_NAMED]]
    checked = [board_sentence(line.row, group, ENGLISH) for line in laid_out.modelled[:MOST_NAMED]]
    parts += [paragraph(sentence, width, MODELLED_STYLE) for sentence in checked if sentence]
    apart = [line.row for line in (*laid_out.set_apart, *laid_out.modelled) if line.row.record.status != "modelled"]
    parts += [paragraph(_apart(row), width, "yellow") for row in apart]
    parts += [paragraph(_broken(row), width, "red") for row in laid_out.broken]
    parts += [
        paragraph(f"{row.label}: disturbed {found.verdict}", width, "yellow")
        for row in group.rows
        if (found := disturbance(counted(row.record))).too_much
    ]
    parts += [paragraph(f"{name} ({machine}): not finished", width, "yellow") for machine, name in group.unfinished]
    parts += [Text(), *(paragraph(sentence, width) for sentence in told.verdict)]
    for row in group.conclusive[:MOST_NAMED]:
        if said := verdict_of(row, study, group, ENGLISH):
            parts.append(paragraph(f"{row.label}: {said[0]}", width))
    for row in placed_rows(group.rows)[:MOST_NAMED]:
        parts.append(paragraph(operators_of(row, ENGLISH), width, MODELLED_STYLE if row.modelled else ""))
    return Stack(*parts, *_panels(judged, width))


def print_panels(judgement: Judgement, console: Console) -> None:
    """Print what stands beside the measured tables, such as projections, group by group."""
    from rich.console import Group as Stack

    for judged in judgement.groups:
        console.print(Stack(*_panels(judged, console.width)))


def _panels(judged: GroupJudgement, width: int) -> list[RenderableType]:
    shown = [panel for panel in panels(judged, ENGLISH) if panel.in_terminal]
    return [part for panel in shown for part in panel_parts(panel, width)]


def panel_parts(panel: Panel, width: int) -> list[RenderableType]:
    """Return a panel's title, introduction, grids and notes."""
    parts: list[RenderableType] = ["", paragraph(panel.title, width, f"bold {PANEL_STYLE}")]
    parts.append(paragraph(panel.intro, width))
    for grid in panel.grids:
        most = MOST_PANEL_ROWS if grid.most_open is None else grid.most_open
        shown = tables(grid.head, grid.rows[:most], width, cell_ink=PANEL_STYLE)
        parts += ["", paragraph(grid.caption, width, "bold"), *shown]
        if len(grid.rows) > most:
            more = ENGLISH("page.more_rows", count=len(grid.rows) - most)
            parts.append(paragraph(f"{more}: report.md and report.json have all", width, "dim"))
    return [*parts, "", *(paragraph(note, width, "dim") for note in panel.notes)]


def _tables(laid_out: Table, width: int) -> list[RenderableType]:
    """Measured targets, in as many tables as the width asks for; each repeats the target's name."""
    lines = (*laid_out.comparable, *laid_out.set_apart)
    shown = laid_out.measured_columns
    titles = ["Target", "vs fastest", *(laid_out.metrics[at].title for at in shown), "Parity"]
    every = [[line.row.label for line in lines], *_columns(lines)]
    columns = [*every[:2], *(every[at + 2] for at in shown), every[-1]]
    return _paged(lines, titles, columns, width, "solid", section_after=len(laid_out.comparable))


def _modelled(laid_out: Table, width: int) -> list[RenderableType]:
    """Modelled targets under a heading of their own, with the columns that any of them fills."""
    lines = laid_out.modelled
    if not lines:
        return []
    shown = laid_out.modelled_columns
    titles = ["Target", *(laid_out.metrics[at].title for at in shown), "Parity"]
    every = [[line.row.label for line in lines], *_columns(lines)]
    columns = [every[0], *(every[at + 2] for at in shown), every[-1]]
    head = paragraph(ENGLISH("modelled.block"), width, f"bold {MODELLED_STYLE}")
    return [head, *_paged(lines, titles, columns, width, "dashed", MODELLED_STYLE)]


def _paged(
    lines: Sequence[Line], titles: list[str], columns: list[list[str]], width: int,
    lined: Literal["solid", "dashed"], ink: str = "", section_after: int = 0,
) -> list[RenderableType]:  # fmt: skip
    styles = [
        ink if line.row.conclusive or line.row.record.status == "modelled" else f"dim {ink}".strip() for line in lines
    ]
    return tables(
        titles, list(zip(*columns, strict=True)), width, lines=lined, ink=ink, row_styles=styles,
        longest_first=_LONGEST_TARGET, line_after=(section_after,), left=(len(titles) - 1,),
    )  # fmt: skip


def _columns(lines: Sequence[Line]) -> list[list[str]]:
    relative = [_two_lines(line.relative) for line in lines]
    metrics = [[_two_lines(cell) for cell in cells] for cells in zip(*(line.cells for line in lines), strict=True)]
    return [relative, *metrics, [line.parity for line in lines]]


def _two_lines(cell: Cell) -> str:
    mark = _superscript(cell.footnote) if cell.footnote else ""
    text = f"{cell.text}{mark}".replace(notation.THIN_SPACE, "\u00a0")
    return f"{text}\n{cell.interval}".replace(notation.THIN_SPACE, "\u00a0") if cell.interval else text


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
