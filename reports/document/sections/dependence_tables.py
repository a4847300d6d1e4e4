"""How much depends on restricted processors, who stands where, and what would match one device."""

from __future__ import annotations

from dataclasses import replace

from reports.document.language import Words
from reports.document.model import EVERY_FORMAT, HTML, MARKDOWN, Block, GroupView, Heading, Paragraph, Section
from reports.document.sections import grids
from reports.document.sections.caps import MOST_LISTED
from reports.document.sections.explained import explained
from reports.document.sections.operators import dependence_grid as operator_grid


def dependence_tables(view: GroupView, say: Words) -> Section | None:
    """None where no target is comparable."""
    group, study, comparison = view.group, view.study, view.comparison
    if not study.rows:
        return None
    intro = say("dependence.intro", as_of=comparison.as_of.isoformat(), destination=comparison.destination)
    blocks: list[Block] = [Paragraph(intro)]
    capped = grids.feasible_sentences(group, study, say, MOST_LISTED)
    whole = grids.feasible_sentences(group, study, say, len(group.rows))
    blocks += [Paragraph(line, "note", formats=EVERY_FORMAT if line in whole else HTML) for line in capped]
    blocks += [Paragraph(line, "note", formats=MARKDOWN) for line in whole if line not in capped]
    blocks.append(replace(grids.dependence_grid(study, say), kind="text"))
    if operators := operator_grid(group.rows, say):
        intro = say("operators.dependence_intro")
        blocks += [Heading(operators.caption), Paragraph(intro, "note"), replace(operators, kind="text")]
    if matches := grids.match_grid(study, say):
        intro = say("dependence.match.intro")
        blocks += [Heading(matches.caption), Paragraph(intro, "note"), replace(matches, kind="text")]
    standing = replace(grids.standing_grid(study.rows, study, comparison, say), kind="text")
    terms = ("dt", "de", "restricted", "indeterminate", "interval", "grade")
    return Section(
        "dependence", say("dependence.head"),
        (*blocks, Heading(say("page.standing")), standing, explained(say, terms)),
    )  # fmt: skip
