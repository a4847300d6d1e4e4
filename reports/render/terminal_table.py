"""The one table and the one paragraph of a terminal. Nothing is cut: what does not fit goes to a further table."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from reports.document import notation

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    Cell = str | Text

_GAP = 3
_EDGES = 2
_DASHED = "\n".join(["    ", "    ", " ┄┄ ", "    ", "    ", " ┄┄ ", "    ", "    ", ""])
"""The lines of a table of modelled figures: dashed where those of a measured one are solid."""


def paragraph(text: str, width: int, style: str = "", hanging: int = 0) -> RenderableType:
    """Return ``text`` wrapped to ``width``; ``textwrap`` keeps a number and its unit together, rich does not.

    Lines after the first begin ``hanging`` columns further right.
    """
    from rich.text import Text

    lines = textwrap.wrap(text, width, subsequent_indent=" " * hanging, break_on_hyphens=False)
    return Text("\n".join(lines), style=style, no_wrap=True)


def tables(
    head: Sequence[str], rows: Sequence[Sequence[Cell]], width: int, *, title: str = "", repeated: int = 1,
    left: Collection[int] = (), folded: int | None = None, lines: Literal["", "solid", "dashed"] = "",
    line_after: Collection[int] = (), ink: str = "", cell_ink: str = "", row_styles: Sequence[str] = (),
    longest_first: int = 0,
) -> list[RenderableType]:  # fmt: skip
    """Return ``rows`` under ``head`` in as many tables as ``width`` asks for.

    A page leaves out a row that has only empty cells on it. A line break in a cell or a title starts a new line there.

    Args:
        head: A title a column. All empty: the table has no head.
        rows: As many cells a row as there are titles; a rich ``Text`` brings its colour.
        width: Columns of the terminal.
        title: Stands above the first table.
        repeated: How many first columns every table repeats. They are set from the left.
        left: Numbers, from 0, of other columns set from the left; the rest is set from the right.
        folded: Number of the column that wraps where the table is too wide, in place of a further table.
        lines: ``solid`` or ``dashed`` lines below the head and after ``line_after``; empty for none.
        line_after: Numbers of the rows, from 1, that a line follows.
        ink: Style of the head and the lines.
        cell_ink: Style of the cells that are not repeated.
        row_styles: A style a row.
        longest_first: Columns that the first column takes at most; longer names are folded. 0 for any length.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return []
    texts = [[_text(cell) for cell in row] for row in rows]
    titles = [_text(name) for name in head]
    widths = [max(map(_width, column)) for column in zip(titles, *texts, strict=True)]
    if longest_first:
        widths[0] = min(widths[0], longest_first)
    around = {"": None, "solid": box.SIMPLE_HEAD, "dashed": box.Box(_DASHED)}[lines]
    pages = _pages(widths, width, repeated) if folded is None else [[*range(repeated, len(head))]]
    made: list[RenderableType] = []
    for page in pages:
        table = Table(
            title=None if made or not title else Text(title), title_justify="left", title_style="bold", box=around,
            padding=(0, 1), pad_edge=False, show_header=any(head), header_style=f"bold {ink}".strip(),
            border_style=ink or None,
        )  # fmt: skip
        for at in [*range(repeated), *page]:
            table.add_column(
                titles[at],
                justify="left" if at < repeated or at == folded or at in left else "right",
                style=cell_ink if at >= repeated and cell_ink else None,
                width=widths[0] if longest_first and not at else None,
                no_wrap=at > 0 and at != folded,
                overflow="fold",
            )
        for at, row in enumerate(texts):
            shown = [row[column] for column in page]
            if any(cell.plain for cell in shown) or not any(cell.plain for cell in row[repeated:]):
                style = row_styles[at] if row_styles else ""
                table.add_row(*row[:repeated], *shown, style=style or None, end_section=at + 1 in line_after)
        made.append(table)
    return made


def _text(cell: Cell) -> Text:
    """Return the cell with spaces that rich does not break at; a str is never read as markup."""
    from rich.text import Text

    return Text(cell.replace(notation.THIN_SPACE, "\u00a0")) if isinstance(cell, str) else cell


def _width(cell: Text) -> int:
    return max(line.cell_len for line in cell.split("\n", allow_blank=True))


def _pages(widths: list[int], width: int, repeated: int) -> list[list[int]]:
    """Split the other columns so that each page fits; a column wider than the terminal stands alone."""
    first = sum(widths[:repeated]) + _GAP * (repeated - 1) + _EDGES
    pages: list[list[int]] = [[]]
    used = first
    for at in range(repeated, len(widths)):
        needed = widths[at] + _GAP
        if pages[-1] and used + needed > width:
            pages.append([])
            used = first
        pages[-1].append(at)
        used += needed
    return pages
