"""The gap between the fastest and the next target, phase by phase, taken apart into its terms."""

from __future__ import annotations

from dataclasses import replace

from reports.document.language import Words
from reports.document.model import HTML, MARKDOWN, Block, Box, Fold, GroupView, Heading, Paragraph, Section
from reports.document.sections import grids
from reports.document.sections.dependence import gap_sentence
from reports.document.sections.explained import explained
from reports.document.sections.figures import GroupFigures


def gaps(view: GroupView, say: Words) -> Section | None:
    """A chart and a table for each phase with a gap; why there is none where neither has one."""
    study = view.study
    if not study.rows:
        return None
    drawings = GroupFigures(view.name, view.group, study, say)
    phases = sorted(study.phases, key=lambda one: one.phase)
    blocks: list[Block] = []
    if drawn := [figure for one in phases if (figure := drawings.waterfall(one))]:
        blocks.append(Box("figures", tuple(drawn), formats=HTML))
    for one in phases:
        if one.gap:
            grid = grids.gap_grid(one.gap, study, say)
            sentence = Paragraph(gap_sentence(one.gap, study, say), formats=MARKDOWN)
            blocks += [Heading(grid.caption), sentence, replace(grid, kind="terms-table", most_open=len(grid.rows))]
    if not drawn:
        blocks.append(Paragraph(grids.no_gap_text(phases[0], say)))
    for one in phases:
        factors = grids.factors_grid(one, say, len(one.factors))
        if factors and len(factors.rows) > 1:
            whole = replace(factors, most_open=len(factors.rows))
            blocks.append(Fold(factors.caption, (whole,), formats=HTML))
    return Section("gap", say("gap.head"), (*blocks, explained(say, ("silicon", "ceiling", "phase", "grade"))))
