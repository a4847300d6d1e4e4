"""Charts of speed and memory, and of power over time."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import HTML, MOST_LISTED, Block, Box, GroupView, Paragraph, Section
from reports.document.sections.figures import MOST_DRAWN, GroupFigures


def speed_charts(view: GroupView, say: Words) -> Section | None:
    """Decode, prefill, memory and time per token; None where nothing can be drawn."""
    group = view.group
    figures = GroupFigures(view.name, group, view.study, say).speed_and_memory()
    if not figures:
        return None
    blocks: list[Block] = []
    if len(group.conclusive) > MOST_DRAWN:
        blocks.append(Paragraph(say("page.capped", count=MOST_DRAWN, all=len(group.conclusive)), "note", formats=HTML))
    left_out = [
        say("page.with_status", label=row.label, status=say(f"status.{row.record.status}"))
        for row in group.rows
        if not row.conclusive
    ]
    if 0 < len(left_out) <= MOST_LISTED:
        blocks.append(Paragraph(say("page.not_drawn", who=say.listing(left_out)), "note", formats=HTML))
    blocks.append(Box("figures", tuple(figures), formats=HTML))
    return Section("speed", say("chart.head.speed"), tuple(blocks))


def power_charts(view: GroupView, say: Words) -> Section | None:
    """Power over time of the targets that a meter watched."""
    figures = GroupFigures(view.name, view.group, view.study, say).power()
    box = Box("figures", tuple(figures), formats=HTML)
    return Section("power", say("chart.head.power"), (box,)) if figures else None
