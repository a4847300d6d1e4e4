"""How many operators of each target ran where."""

from __future__ import annotations

from reports.document import notation
from reports.document.language import Words
from reports.document.model import Block, Box, Grid, GroupView, Heading, Section, Several
from reports.document.sections.dependence import phase_name
from reports.judge.comparison.comparison import Row
from reports.judge.origin import placement as placement_of


def placement(view: GroupView, say: Words) -> Section | None:
    """Return a table for each target whose record places operators; None if none does."""
    found = [grid for row in view.group.conclusive if (grid := placement_grid(row, say))]
    each: list[Block] = [Box("", (Heading(grid.caption), grid)) for grid in found]
    return Section("placement", say("placement.head"), (Several(tuple(each), len(each)),)) if found else None


def placement_grid(row: Row, say: Words) -> Grid | None:
    """Operators by phase and place; None if the record has none."""
    found = [
        (
            say("placement.place", phase=phase_name(one.phase, say), where=say(f"operators.where.{one.where}")),
            str(one.operators),
            *(notation.percent_below_all(share) for share in (one.flops_share, one.bytes_share)),
        )
        for one in placement_of(row.record)
    ]  # fmt: skip
    head = tuple(say(f"placement.{name}") for name in ("device", "operators", "flops", "bytes"))
    return Grid(row.label, head, tuple(found)) if found else None
