"""How many operators of each target ran where."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import Block, Box, GroupView, Heading, Section, Several
from reports.document.sections import grids


def placement(view: GroupView, say: Words) -> Section | None:
    """A table for each target whose record tells; None if none does."""
    found = [grid for row in view.group.conclusive if (grid := grids.placement_grid(row, say))]
    each: list[Block] = [Box("", (Heading(grid.caption), grid)) for grid in found]
    return Section("placement", say("placement.head"), (Several(tuple(each), len(each)),)) if found else None
