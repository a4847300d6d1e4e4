"""Where the parts behind each target come from."""

from __future__ import annotations

from dataclasses import replace

from reports.document.language import Words
from reports.document.model import HTML, Block, Fold, GroupView, Items, Paragraph, Section
from reports.document.sections import grids


def origins(view: GroupView, say: Words) -> Section | None:
    """A row for each comparable target, and the documents behind it."""
    study, rows = view.study, view.group.conclusive
    if not study.rows:
        return None
    grid = replace(grids.origin_grid(rows, study, say), kind="text")
    blocks: list[Block] = [Paragraph(say("origin.intro"), formats=HTML), grid]
    if sources := grids.origin_sources(rows, study):
        blocks.append(Fold(say("origin.sources"), (Items(tuple(sources)),), formats=HTML))
    return Section("origin", say("origin.head"), tuple(blocks))
