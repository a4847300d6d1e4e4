"""The head of a group: what ran, the verdict, and a card for each of the fastest targets."""

from __future__ import annotations

from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    HTML,
    MOST_CARDS,
    Block,
    Box,
    Card,
    GroupView,
    Heading,
    Paragraph,
    Section,
)
from reports.document.sections.brief import brief
from reports.document.sections.summary import what_ran
from reports.judge.comparison.comparison import Row


def verdict(view: GroupView, say: Words) -> Section:
    """Return what ran, the verdict sentence by sentence, then the cards."""
    group, comparison = view.group, view.comparison
    head: list[Block] = [Paragraph(what_ran(group, comparison, say), "muted")]
    head.append(Heading(say("page.verdict"), 2, unseen=True, formats=HTML))
    for at, line in enumerate(brief(view.judged, say).verdict):
        head.append(Paragraph(line, "follow" if at else "lead"))
    blocks: list[Block] = [Box("verdict", tuple(head))]
    rows = group.conclusive
    if rows:
        blocks.append(Box("cards", tuple(_card(row, say) for row in rows[:MOST_CARDS]), formats=HTML))
    if len(rows) > MOST_CARDS:
        text = say("page.cards_capped", count=MOST_CARDS, all=len(rows))
        blocks.append(Paragraph(text, "note", formats=HTML))
    return Section("verdict", "", tuple(blocks), formats=EVERY_FORMAT)


def _card(row: Row, say: Words) -> Card:
    figure, share = row.metric("decode_throughput"), row.metric("mbu")
    value, _, unit = notation.quantity(figure).rpartition(notation.THIN_SPACE)
    interval = notation.interval(figure)
    speed_unit = f"{unit} {say('page.decode_word')}" + (f" ({interval})" if interval else "")
    if share.value is None:
        return Card(row.label, row.place, value, speed_unit, None, say.quoted(share.method))
    text = say("page.of_bandwidth", share=notation.quantity(share))
    return Card(row.label, row.place, value, speed_unit, min(100.0, 100.0 * share.value), text)
