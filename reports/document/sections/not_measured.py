"""Targets that failed, could not run here, or did not finish."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    MOST_LISTED,
    MOST_OPEN,
    Block,
    Code,
    Fold,
    GroupView,
    Paragraph,
    Section,
    Several,
)
from reports.judge.comparison.comparison import Row


def not_measured(view: GroupView, say: Words) -> Section | None:
    """Return why each was not measured and what to do; None if all were."""
    group = view.group
    broken = [row for row in group.rows if row.record.status in ("failed", "unavailable")]
    if not broken and not group.unfinished:
        return None
    folds = tuple(_broken(row, len(broken) <= MOST_OPEN, say) for row in broken)
    left = tuple(
        Paragraph(say("page.unfinished", target=target, machine=machine), "warning")
        for machine, target in group.unfinished
    )
    blocks = (Several(folds, MOST_LISTED), Several(left, len(left)))
    return Section("not_measured", say("page.not_measured"), blocks, formats=EVERY_FORMAT)


def _broken(row: Row, opened: bool, say: Words) -> Fold:
    failure = row.record.failure
    text = say("page.failure", reason=_sentence(failure.reason, say)) if failure else say("page.no_reason")
    if failure and failure.remedy:
        text = say.together([text, say("page.what_to_do", remedy=_sentence(failure.remedy, say))])
    blocks: list[Block] = [Paragraph(text)]
    tail = failure.stderr_tail if failure else ""
    if tail:
        blocks.append(Code(tail, formats=FILES))
    return Fold(f"{row.label}: {say(f'status.{row.record.status}')}", tuple(blocks), opened=opened and bool(tail))


def _sentence(recorded: str, say: Words) -> str:
    """Return recorded text with a capital and without its full stop, which the message adds."""
    return say.quoted(f"{recorded[:1].upper()}{recorded[1:].rstrip('. ')}")
