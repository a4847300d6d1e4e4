"""A report in a terminal: the sections that ask for it, at the terminal's width; no figure is cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.model import (
    MOST_LISTED,
    Block,
    Body,
    Box,
    Cell,
    Code,
    Facts,
    Fold,
    Grid,
    Heading,
    Items,
    Line,
    Paragraph,
    Section,
    Several,
    Table,
    shown_in,
)
from reports.document.sections.catalogue import document
from reports.judge.judgement import Judgement
from reports.render.terminal_table import paragraph, tables

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STYLES = {"muted": "bold", "note": "dim", "warning": "yellow"}
"""Kind of paragraph -> its style."""
_INKS = {"modelled": "cyan", "projection": "magenta"}
"""Section or block of a table -> the colour of its figures. Nothing measured is shown in one of these."""
_LONGEST_TARGET = 28


def print_report(judgement: Judgement, console: Console, say: Words = ENGLISH, only: Collection[str] = ()) -> None:
    """Print every group at the console's width; ``only`` names the sections to print, empty for all."""
    for at, part in enumerate(document(judgement, say).parts):
        if at:
            console.print()
        if part.difference:
            console.print(paragraph(part.difference, console.width, "yellow"))
        for section in part.sections:
            if not only or section.name in only:
                for shown in section_parts(section, console.width, say):
                    console.print(shown)


def section_parts(section: Section, width: int, say: Words) -> list[RenderableType]:
    """Return what a terminal shows of a section; nothing if it has no block for it."""
    return _Renderer(section, width, say).section()


class _Renderer:
    """Turns one section into renderables for ``width`` columns."""

    def __init__(self, section: Section, width: int, say: Words) -> None:
        self._section, self._width, self._say = section, width, say
        self._ink = _INKS.get(section.name, "")

    def section(self) -> list[RenderableType]:
        """Return the section, after an empty line if it has a title; nothing if it shows no block."""
        shown = self._blocks(self._section.blocks_in("terminal"))
        title = self._section.title
        return [*(["", self._text(title, f"bold {self._ink}".strip())] if title else []), *shown] if shown else []

    def _text(self, text: str, style: str = "", hanging: int = 0) -> RenderableType:
        return paragraph(text, self._width, style, hanging)

    def _blocks(self, blocks: Iterable[Block]) -> list[RenderableType]:
        return [shown for block in shown_in("terminal", blocks) for shown in self._block(block)]

    def _block(self, block: Block) -> list[RenderableType]:
        shown: list[RenderableType] = []
        match block:
            case Heading(unseen=False):
                shown = ["", self._text(block.text, "bold")]
            case Paragraph():
                label = f"{block.label}: " if block.label else ""
                shown = [self._text(f"{label}{block.text}", _STYLES.get(block.kind, ""))]
            case Items(kind="footnotes"):
                lines = enumerate(block.lines, 1)
                shown = [self._text(f"{notation.superscript(at)} {line}", "dim") for at, line in lines]
            case Items():
                head = [self._text(block.title, "bold")] if block.title else []
                shown = [*head, *(self._text(f"- {line}", hanging=2) for line in block.lines)]
            case Facts():
                shown = [self._text(f"{name}: {value}", hanging=2) for name, value in block.pairs]
            case Grid():
                shown = self._grid(block)
            case Table():
                shown = self._table(block)
            case Code():
                shown = [self._text(line) for line in block.text.splitlines()]
            case Box():
                shown = self._blocks(block.blocks)
            case Fold():
                shown = [self._text(block.summary, "bold"), *self._blocks(block.blocks)]
            case Several():
                rest = len(block.blocks) - block.most_open
                more = [self._text(self._say(block.more, count=rest), "dim")] if rest > 0 else []
                shown = [*self._blocks(block.blocks[: block.most_open]), *more]
        return shown

    def _grid(self, grid: Grid) -> list[RenderableType]:
        """The rows that stand open; the files have the rest."""
        most = MOST_LISTED if grid.most_open is None else grid.most_open
        shown = tables(grid.head, grid.rows[:most], self._width, cell_ink=self._ink)
        if len(grid.rows) <= most:
            return shown
        more = self._say("page.more_rows", count=len(grid.rows) - most)
        return [*shown, self._text(self._say("page.more_in_files", more=more), "dim")]

    def _table(self, table: Table) -> list[RenderableType]:
        """A table for the bodies that fill the same columns; modelled ones are in another colour, with dashed lines."""
        shown: list[RenderableType] = []
        every = tuple(range(len(table.columns)))
        for (columns, ink), group in groupby(
            table.bodies, lambda body: (body.columns or every, _INKS.get(body.kind, ""))
        ):
            bodies: list[Body] = list(group)
            lines = [line for body in bodies for line in body.lines]
            if ink and bodies[0].title:
                shown.append(self._text(bodies[0].title, f"bold {ink}"))
            shown += tables(
                [table.first.title, *(table.columns[at].title for at in columns)],
                [[line.label, *(_cell(line.cells[at]) for at in columns)] for line in lines],
                self._width,
                lines="dashed" if ink else "solid",
                line_after=(len(bodies[0].lines),) if len(bodies) > 1 else (),
                ink=ink,
                row_styles=[_row_style(line, ink) for line in lines],
                left=[at for at, column in enumerate(columns, 1) if lines[0].cells[column].tone],
                longest_first=_LONGEST_TARGET,
            )
        return shown


def _row_style(line: Line, ink: str) -> str:
    return f"dim {ink}".strip() if "apart" in line.kind else ink


def _cell(cell: Cell) -> str:
    """The figure with the number of its footnote, its interval on a second line."""
    mark = notation.superscript(cell.footnote) if cell.footnote else ""
    text = f"{cell.text}{mark}\n{cell.interval}" if cell.interval else f"{cell.text}{mark}"
    return text.replace(notation.THIN_SPACE, "\u00a0")
