"""Which ceiling binds each target, and how far it is."""

from __future__ import annotations

from dataclasses import replace

from profiler.metrics.catalogue import METRICS
from reports.document.language import Words
from reports.document.model import Block, GroupView, Paragraph, Section, Several
from reports.document.sections import grids
from reports.document.sections.caps import MOST_READINGS
from reports.document.sections.explained import explained
from reports.document.sections.figures import GroupFigures
from reports.document.sections.roofline import verdict_of


def rooflines(view: GroupView, say: Words) -> Section | None:
    """A reading for each target, the chart and the table."""
    group, study = view.group, view.study
    if not study.rows:
        return None
    readings = [
        Paragraph(say.together(said), "reading", row.label, row.place)
        for row in study.rows
        if (said := verdict_of(row, study, group, say))
    ]
    blocks: list[Block] = [Paragraph(say("roofline.intro")), Several(tuple(readings), MOST_READINGS, "page.more_rows")]
    if figure := GroupFigures(view.name, group, study, say).roofline():
        blocks.append(replace(figure, kind="broad"))
    grid = grids.roofline_grid(group.conclusive, study, say)
    if grid.rows:
        columns = [metric for metric in METRICS if metric.name in ("mbu", "mfu")]
        terms = ("roofline", "ceiling", "intensity", "phase")
        blocks += [grid, Paragraph(say("roofline.note"), "note"), explained(say, terms, columns)]
    return Section("roofline", say("roofline.head"), tuple(blocks))
