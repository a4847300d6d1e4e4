"""What a document shows, for tests: sections by name, and their grids, tables and texts, boxes and folds included."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console

from reports.document.language import words
from reports.document.model import Block, Box, Fold, Grid, Paragraph, Section, Several, Table
from reports.document.sections.catalogue import document
from reports.judge.comparison.comparison import Comparison
from reports.judge.judgement import judge
from reports.render.terminal import print_report


def section(comparison: Comparison, name: str, language: str = "en") -> Section | None:
    """The section called ``name`` of the first group."""
    found = document(judge(comparison), words(language)).parts[0].sections
    return next((one for one in found if one.name == name), None)


def blocks(shown: Section | Block) -> Iterator[Block]:
    """Every block of a section, those within others too."""
    for block in shown.blocks if isinstance(shown, Section | Box | Fold | Several) else ():
        yield block
        yield from blocks(block)


def grids(shown: Section) -> list[Grid]:
    """Its tables of text."""
    return [block for block in blocks(shown) if isinstance(block, Grid)]


def table(comparison: Comparison, language: str = "en") -> Table:
    """The table of the section that compares targets."""
    return next(block for block in blocks(section(comparison, "comparison", language)) if isinstance(block, Table))


def notes(shown: Section, kind: str = "note") -> list[str]:
    """Its paragraphs of a kind."""
    return [block.text for block in blocks(shown) if isinstance(block, Paragraph) and block.kind == kind]


def terminal(comparison: Comparison, width: int = 400, **options: object) -> str:
    """The report as a terminal prints it."""
    console = Console(width=width, file=io.StringIO())
    print_report(judge(comparison), console, **options)
    return console.file.getvalue()
