"""Whether each target computes what the reference computes."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import HTML, Block, Body, Cell, Column, GroupView, Line, Paragraph, Section, Several, Table
from reports.document.sections.caps import MOST_LISTED, MOST_READINGS
from reports.document.sections.provenance import ParityLine, parity_lines, parity_scopes


def parity(view: GroupView, say: Words) -> Section | None:
    """One line for each target that was scored; None if none was."""
    group = view.group
    scores = parity_lines(group, say)
    if not scores:
        return None
    names = ("parity_verdict", "top1", "kl", "logit", "positions", "greedy")
    columns = tuple(Column(say(f"page.{name}")) for name in names)
    body = Body(tuple(_line(one) for one in scores), most_open=MOST_LISTED)
    blocks: list[Block] = [Paragraph(say("page.parity_intro"), formats=HTML)]
    blocks.append(Table(say("page.parity"), Column(say("page.target")), columns, (body,), kind=""))
    notes = tuple(Paragraph(said, "note") for said in parity_scopes(group, say))
    blocks.append(Several(notes, MOST_LISTED))
    shown = [row for row in group.rows if row.record.status == "not_comparable" and not row.modelled]
    for row in (*shown[:MOST_READINGS], *group.modelled[:MOST_READINGS]):
        if failure := row.record.failure:
            text = f"{row.label}: {say.clauses([part for part in (failure.reason, failure.remedy) if part])}"
            blocks.append(Paragraph(text, "note", formats=HTML))
    return Section("parity", say("page.parity"), tuple(blocks))


def _line(score: ParityLine) -> Line:
    row = score.row
    rest = (score.top1_agreement, score.kl_mean, score.max_abs_logit_error, score.positions, score.greedy_prefix)
    cells = (Cell(score.verdict, tone="good" if score.passed else "bad"), *(Cell(text, tone="plain") for text in rest))
    return Line(row.label, cells, kind="modelled" if row.modelled else "" if row.conclusive else "apart")
