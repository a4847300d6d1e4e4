"""Targets that failed, could not run here, or did not finish."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import Block, Code, Fold, GroupView, Paragraph, Section, Several
from reports.document.sections.caps import MOST_LISTED, MOST_OPEN
from reports.document.sections.provenance import sentence
from reports.judge.comparison.comparison import Row


def not_measured(view: GroupView, say: Words) -> Section | None:
    """Why each was not measured and what to do; None if all were."""
    group = view.group
    broken = [row for row in group.rows if row.record.status in ("failed", "unavailable")]
    if not broken and not group.unfinished:
        return None
    folds = tuple(_broken(row, len(broken) <= MOST_OPEN, say) for row in broken)
    left = tuple(
        Paragraph(say("page.unfinished", target=target, machine=machine)) for machine, target in group.unfinished
    )
    blocks = (Several(folds, MOST_LISTED), Several(left, len(left)))
    return Section("not_measured", say("page.not_measured"), blocks)


def _broken(row: Row, opened: bool, say: Words) -> Fold:
    failure = row.record.failure
    text = sentence(failure.reason if failure else say("page.no_reason"))
    if failure and failure.remedy:
        text += f" {say('page.what_to_do', remedy=sentence(failure.remedy))}"
    blocks: list[Block] = [Paragraph(text)]
    tail = failure.stderr_tail if failure else ""
    if tail:
        blocks.append(Code(tail))
    return Fold(f"{row.label}: {say(f'status.{row.record.status}')}", tuple(blocks), opened=opened and bool(tail))
