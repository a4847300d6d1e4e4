"""``report.md``: GitHub-flavoured Markdown, to paste into a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from reports.document.language import ENGLISH, Words
from reports.document.model import (
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

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def render_markdown(judgement: Judgement, say: Words = ENGLISH) -> str:
    """Return the whole document, in the language of ``say``."""
    found = document(judgement, say)
    lines: list[str] = []
    for at, part in enumerate(found.parts):
        lines += [f"# {plain(say('page.eyebrow'))}: {plain(part.title)}", ""]
        if not at and found.unread:
            lines += [f"> {plain(say('page.unread', count=len(found.unread)))}", ">"]
            lines += [*(f"> - {plain(reason)}" for reason in found.unread), ""]
        if part.difference:
            lines += [f"> {plain(part.difference)}", ""]
        lines += [line for section in part.sections for line in _section(section, say)]
    lines += [line for section in found.closing for line in _section(section, say)]
    return "\n".join(lines).rstrip("\n") + "\n"


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split(" ")).replace("\r", " ").replace("\n", " "))


def _section(section: Section, say: Words) -> list[str]:
    head = [f"## {plain(section.title)}", ""] if section.title else []
    shown = _blocks(section.blocks_in("markdown"), say)
    return [*head, *shown] if shown else []


def _blocks(blocks: Iterable[Block], say: Words) -> list[str]:
    return [line for block in shown_in("markdown", blocks) for line in _block(block, say)]


def _block(block: Block, say: Words) -> list[str]:
    shown: list[str] = []
    match block:
        case Heading():
            shown = [f"**{plain(block.text)}**"]
        case Paragraph():
            label = f"**{plain(block.label)}** " if block.label else ""
            shown = [f"{'- ' if label or block.kind == 'note' else ''}{label}{plain(block.text)}"]
        case Items(kind="footnotes"):
            shown = [f"{at}. {plain(line)}" for at, line in enumerate(block.lines, 1)]
        case Items():
            title = [f"**{plain(block.title)}**", ""] if block.title else []
            shown = [*title, *(f"- {plain(line)}" for line in block.lines)]
        case Facts():
            strong = "**" if block.kind == "terms" else ""
            shown = [f"- {strong}{plain(name)}{strong}: {plain(value)}" for name, value in block.pairs]
        case Grid():
            shown = _rows(block.head, block.rows)
        case Table():
            return _table(block)
        case Code():
            shown = [_code(block.text)]
        case Box() | Several():
            return _blocks(block.blocks, say)
        case Fold():
            shown = [f"**{plain(block.summary)}**", "", *_blocks(block.blocks, say)]
    return [*shown, ""] if shown else []


def _table(table: Table) -> list[str]:
    """Return a table for the bodies that fill the same columns."""
    shown: list[str] = []
    every = tuple(range(len(table.columns)))
    for columns, bodies in groupby(table.bodies, lambda body: body.columns or every):
        lines: list[Body] = list(bodies)
        if shown and lines[0].title:
            shown += [f"**{plain(lines[0].title)}**", ""]
        head = (table.first.title, *(table.columns[at].title for at in columns))
        shown += [*_rows(head, [_line(line, columns) for body in lines for line in body.lines]), ""]
    return shown


def _line(line: Line, columns: Sequence[int]) -> tuple[str, ...]:
    name = f"{line.label} ({line.note})" if line.note else line.label
    return (name, *(_cell(line.cells[at]) for at in columns))


def _cell(cell: Cell) -> str:
    note = f" ({cell.footnote})" if cell.footnote else ""
    return f"{cell.text}{note}" + (f" ({cell.interval})" if cell.interval else "")


def _rows(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rule = "|".join([" :--- ", *[" ---: "] * (len(head) - 1)])
    return [_row(head), f"|{rule}|", *(_row(cells) for cells in body)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(plain(cell) for cell in cells)} |"


def _code(text: str) -> str:
    """Return an indented-safe fence that ``text`` itself cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
