"""Tables in a terminal: one where it fits, several below each other if not; no cell is cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from reports.document import notation

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import RenderableType

_COLUMN_GAP = 3
_EDGES = 2


def paragraph(text: str, width: int, style: str = "") -> RenderableType:
    """Wrapped text; ``textwrap`` keeps a number and its unit together, where rich would part them."""
    from rich.text import Text

    return Text("\n".join(textwrap.wrap(text, width, break_on_hyphens=False)), style=style, no_wrap=True)


def tables(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, box: Box | None = None, header_style: str = "",
    border_style: str = "", cell_style: str = "", row_styles: Sequence[str] = (), longest_first: int | None = None,
    section_after: int = 0, left: Sequence[str] = (),
) -> list[RenderableType]:  # fmt: skip
    """``rows`` under ``head`` in as many tables as ``width`` asks for; each repeats the first column.

    The columns of the titles in ``left`` are set from the left, the others from the right.
    """
    from rich.table import Table as RichTable
    from rich.text import Text

    if not rows:
        return []
    cells = [[cell.replace(notation.THIN_SPACE, "\u00a0") for cell in row] for row in rows]
    widths = [
        max(len(part) for text in column for part in text.split("\n")) for column in zip(head, *cells, strict=True)
    ]
    if longest_first is not None:
        widths[0] = min(widths[0], longest_first)
    made: list[RenderableType] = []
    for chosen in _pages(widths, width):
        table = RichTable(
            box=box, padding=(0, 1), pad_edge=False, header_style=header_style or "bold",
            border_style=border_style or None,
        )  # fmt: skip
        table.add_column(head[0], width=widths[0] if longest_first is not None else None, overflow="fold")
        for at in chosen:
            justify: Literal["left", "right"] = "left" if head[at] in left else "right"
            table.add_column(head[at], justify=justify, no_wrap=True, style=cell_style or None)
        for at, row in enumerate(cells):
            style = row_styles[at] if row_styles else ""
            shown = (Text(row[0]), *(Text(row[column]) for column in chosen))
            table.add_row(*shown, style=style or None, end_section=at + 1 == section_after < len(cells))
        made.append(table)
    return made


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
