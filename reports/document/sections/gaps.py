"""The gap between the fastest and the next target, phase by phase, taken apart into its terms."""

from __future__ import annotations

import math

from reports.document import notation
from reports.document.language import Words
from reports.document.model import HTML, MARKDOWN, Block, Box, Fold, Grid, GroupView, Heading, Paragraph, Section
from reports.document.sections.dependence import gap_sentence, phase_name, term_key
from reports.document.sections.explained import explained
from reports.document.sections.figures import GroupFigures
from reports.judge.dependence import Study
from reports.judge.dependence.decompose import Gap
from reports.judge.dependence.study import PhaseStudy


def gaps(view: GroupView, say: Words) -> Section | None:
    """Return a chart and a table for each phase with a gap; why there is none where neither has one."""
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
            grid = gap_grid(one.gap, study, say)
            sentence = Paragraph(gap_sentence(one.gap, study, say), formats=MARKDOWN)
            blocks += [Heading(grid.caption), sentence, grid]
    if not drawn:
        blocks.append(Paragraph(no_gap_text(phases[0], say)))
    for one in phases:
        factors = factors_grid(one, say)
        if factors and len(factors.rows) > 1:
            blocks.append(Fold(factors.caption, (factors,), formats=HTML))
    return Section("gap", say("gap.head"), (*blocks, explained(say, ("silicon", "ceiling", "phase", "grade"))))


def gap_grid(gap: Gap, study: Study, say: Words) -> Grid:
    """Return the terms of one gap, and their sum."""
    rows = [
        (
            say(f"gap.term.{term_key(term, gap, study)}"), notation.times(term.factor, None), _log(term.log_ratio),
            _share_of_gap(term.log_ratio, gap), say(f"grade.{term.grade}"),
            say(f"gap.explain.{term_key(term, gap, study)}"),
        )
        for term in gap.terms
    ]  # fmt: skip
    whole = notation.times(math.exp(gap.log_ratio), None)
    total = (say("gap.total"), whole, _log(gap.log_ratio), _share_of_gap(gap.log_ratio, gap), "", "")
    names = ("term", "factor", "log", "share", "grade", "meaning")
    head = tuple(say(f"gap.column.{name}") for name in names)
    caption = phase_name(gap.phase, say).capitalize()
    return Grid(caption, head, (*rows, total), most_open=len(rows) + 1, kind="terms-table")


def no_gap_text(one: PhaseStudy, say: Words) -> str:
    """Return why no gap of a phase is decomposed; empty if one is."""
    if not one.no_gap:
        return ""
    count = len(one.candidates) if one.no_gap == "one_target" else len(one.factors)
    return say(f"gap.none.{one.no_gap}", count=count)


def factors_grid(one: PhaseStudy, say: Words) -> Grid | None:
    """Return the decomposition of every target, fastest first; None if none could be."""
    if not one.factors or one.basis is None:
        return None
    rows = []
    for taken in one.factors:
        precision = notation.DASH if taken.precision is None else notation.times(math.exp(taken.precision), None)
        rows.append((
            taken.label, notation.with_unit(math.exp(taken.silicon), "tok/s"), precision,
            notation.times(math.exp(taken.software), None), notation.with_unit(taken.speed_tok_s, "tok/s"),
            say(f"grade.{taken.silicon_grade}"),
        ))  # fmt: skip
    caption = say(
        "gap.every", phase=phase_name(one.phase, say), basis=say(f"roofline.basis.{one.basis}"),
        common=one.factors[0].common_precision,
    )  # fmt: skip
    titles = [say("roofline.column.target"), *(say(f"gap.column.{name}") for name in
              ("silicon", "precision", "software", "speed", "grade"))]  # fmt: skip
    return Grid(caption, tuple(titles), tuple(rows), most_open=len(rows))


def _log(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _share_of_gap(value: float, gap: Gap) -> str:
    """Return a term's share of the whole, where the whole is worth dividing."""
    if abs(gap.log_ratio) < 0.01:
        return notation.DASH
    return f"{100 * value / gap.log_ratio:.0f}{notation.THIN_SPACE}%".replace("-", "−")
