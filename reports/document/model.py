"""What a report is made of: sections of generic blocks, which every format shows in its own way.

A section is written once, as blocks of text already in the reader's language. A block that only some formats show names
them; how much of a long one stands open, and what is folded away or left to the data, is up to the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from reports.judge.comparison.comparison import Comparison, Group
from reports.judge.dependence import Study
from reports.judge.judgement import GroupJudgement

if TYPE_CHECKING:
    from markupsafe import Markup

Format = Literal["html", "markdown", "terminal"]
EVERY_FORMAT: tuple[Format, ...] = ("html", "markdown", "terminal")
FILES: tuple[Format, ...] = ("html", "markdown")
HTML: tuple[Format, ...] = ("html",)
MARKDOWN: tuple[Format, ...] = ("markdown",)
TERMINAL: tuple[Format, ...] = ("terminal",)

MOST_CARDS = 6
MOST_LISTED = 12
"""Rows of a table, or entries of a list, before the rest is folded away."""
MOST_READINGS = 6
"""Long entries, such as readings of a roofline, before the rest is folded away."""
MOST_OPEN = 3
"""Targets or machines whose details stand open; more of them are folded."""


@dataclass(frozen=True, slots=True)
class Block:
    """Anything that a section shows; ``formats`` are those that show it."""

    formats: tuple[Format, ...] = field(default=EVERY_FORMAT, kw_only=True)

    @property
    def kind_of_block(self) -> str:
        """The name of the template that shows it."""
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Heading(Block):
    """A heading below that of the section. An ``unseen`` one is for screen readers only."""

    text: str
    level: int = 3
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph(Block):
    """Text of one ``kind``; what is about one target begins with its ``label`` and the colour of its ``place``."""

    text: str
    kind: str = ""
    label: str = ""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Items(Block):
    """Sentences under a title, or numbered footnotes."""

    lines: tuple[str, ...]
    title: str = ""
    kind: Literal["", "ground", "footnotes"] = ""


@dataclass(frozen=True, slots=True)
class Facts(Block):
    """Names with values. ``anchors`` make the names places that others lead to."""

    pairs: tuple[tuple[str, str], ...]
    kind: Literal["", "terms"] = ""
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``term`` is what its title leads to, ``explained`` what that says."""

    title: str
    term: str = ""
    explained: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: its text, its 95 % interval (may be empty), and the number of its footnote (0 for none)."""

    text: str
    interval: str = ""
    footnote: int = 0
    tone: Literal["", "plain", "good", "bad"] = ""
    """How a verdict is coloured; empty for a figure."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of figures about ``label``; ``note`` is what plain text says beside it."""

    label: str
    cells: tuple[Cell, ...]
    place: int | None = None
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """Rows that belong together. ``columns`` are those it fills as a separate table."""

    lines: tuple[Line, ...]
    title: str = ""
    kind: str = ""
    term: str = ""
    most_open: int = MOST_LISTED
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table(Block):
    """A table of figures. ``split`` names the tables that stand in its place where it is too wide, by columns."""

    caption: str
    first: Column
    columns: tuple[Column, ...]
    bodies: tuple[Body, ...]
    split: tuple[tuple[str, tuple[int, ...]], ...] = ()
    kind: str = "dense"


@dataclass(frozen=True, slots=True)
class Grid(Block):
    """A table of text: ``head`` has a title a column, every row begins with what it is about.

    ``most_open`` rows are shown before the rest is folded away; None leaves it to the format, 0 folds all. ``kind`` is
    how the page sets it: ``text`` or ``prose`` for words, ``dense`` for figures.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    most_open: int | None = None
    kind: str = ""

    @property
    def table(self) -> Table:
        """Return the same as a table, whose cells are plain text."""
        lines = tuple(Line(first, tuple(Cell(text, tone="plain") for text in rest)) for first, *rest in self.rows)
        body = Body(lines, most_open=MOST_LISTED if self.most_open is None else self.most_open)
        first, *others = map(Column, self.head)
        return Table(self.caption, first, tuple(others), (body,), kind=self.kind)


@dataclass(frozen=True, slots=True)
class Figure(Block):
    """A chart. ``legend`` names what the drawing itself does not: label, place.

    ``draw`` returns the drawings for wide and narrow screens; only a format that shows charts calls it.
    """

    title: str
    key: str
    draw: Callable[[], tuple[Markup, ...]]
    legend: tuple[tuple[str, int], ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Card(Block):
    """One large figure about one target; ``share_percent`` fills a meter, None where there is none."""

    label: str
    place: int
    value: str
    unit: str
    share_percent: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Code(Block):
    """Output of a tool or a command, as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Box(Block):
    """Blocks set together, such as cards side by side."""

    kind: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Fold(Block):
    """Blocks under a summary that opens them."""

    summary: str
    blocks: tuple[Block, ...]
    kind: str = ""
    opened: bool = False
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Several(Block):
    """Blocks of one sort, of which the first ``most_open`` stand open; ``more`` is the message that counts the rest."""

    blocks: tuple[Block, ...]
    most_open: int
    more: str = "page.more"


@dataclass(frozen=True, slots=True)
class Section:
    """One section. One ``beside`` the measured ones is never mixed with them: it has a separate colour.

    ``formats`` are those that show the section; ``terms`` are explained at the end of the report.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    beside: bool = False
    terms: tuple[str, ...] = ()
    formats: tuple[Format, ...] = FILES

    def blocks_in(self, wanted: Format) -> tuple[Block, ...]:
        """Return the blocks that a format shows, folds and boxes included; none if it does not show the section."""
        return shown_in(wanted, self.blocks) if wanted in self.formats else ()


@dataclass(frozen=True, slots=True)
class Part:
    """The sections of one group of comparable runs; ``ids`` are the names that must not be broken."""

    title: str
    difference: str
    sections: tuple[Section, ...]
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report, before it takes a form."""

    title: str
    unread: tuple[str, ...]
    banner: str
    parts: tuple[Part, ...]
    closing: tuple[Section, ...]
    footer: str


def shown_in(wanted: Format, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the blocks that ``wanted`` shows."""
    return tuple(block for block in blocks if wanted in block.formats)


def only_in(formats: tuple[Format, ...], *blocks: Block) -> list[Block]:
    """Return ``blocks`` for ``formats`` alone; a block keeps a narrower choice that it already made."""
    return [replace(block, formats=tuple(one for one in block.formats if one in formats)) for block in blocks]


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group with what is judged of it; ``name`` keeps ids apart in a document of many groups."""

    name: str
    judged: GroupJudgement

    @property
    def group(self) -> Group:
        """The targets that did identical work."""
        return self.judged.group

    @property
    def comparison(self) -> Comparison:
        """The comparison that the group is part of."""
        return self.judged.comparison

    @property
    def study(self) -> Study:
        """The dependence study of the group."""
        return self.judged.study
