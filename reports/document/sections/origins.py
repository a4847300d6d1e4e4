"""Where the parts behind each target come from."""

from __future__ import annotations

from collections.abc import Sequence

from reports.document import notation
from reports.document.language import Words
from reports.document.model import HTML, Block, Fold, Grid, GroupView, Items, Paragraph, Section
from reports.judge.comparison.comparison import Row
from reports.judge.dependence import Study
from reports.judge.origin import Part, Role, origin_of

ROLES: tuple[Role, ...] = ("design", "fabrication", "memory", "engine", "stack")


def origins(view: GroupView, say: Words) -> Section | None:
    """Return a row for each comparable target, and the documents behind it."""
    study, rows = view.study, view.group.conclusive
    if not study.rows:
        return None
    grid = origin_grid(rows, study, say)
    blocks: list[Block] = [Paragraph(say("origin.intro"), formats=HTML), grid]
    if sources := origin_sources(rows, study, say):
        blocks.append(Fold(say("origin.sources"), (Items(tuple(sources)),), formats=HTML))
    return Section("origin", say("origin.head"), tuple(blocks))


def origin_grid(rows: Sequence[Row], study: Study, say: Words) -> Grid:
    """Designer, maker, memory, engine and stack of every path, and the share of the work on its chip."""
    found = []
    for row in rows:
        origin = origin_of(row, study.standings[row.place])
        parts = {part.role: part for part in origin.parts}
        share = say(f"origin.share.{origin.share_key}", share=notation.percent_below_all(origin.work_share or 0.0))
        found.append((row.label, *(_part(parts.get(role), say) for role in ROLES), share))
    head = [say("roofline.column.target"), *(say(f"origin.column.{role}") for role in (*ROLES, "share"))]
    return Grid(say("origin.head"), tuple(head), tuple(found), kind="text")


def _part(part: Part | None, say: Words) -> str:
    if part is None:
        return notation.DASH
    unknown = say("origin.not_established")
    if part.role == "memory":
        return say("origin.maker_unknown", name=part.name) if part.name else unknown
    if part.company is None and part.country is None and not part.name:
        return unknown
    also = f"; {say('origin.also', countries=say.listing(part.also))}" if part.also else ""
    who = part.company or part.name
    shown = f"{part.name}: {part.company}" if part.role in ("engine", "stack") and part.company else who
    return f"{shown} ({part.country or unknown}{also})"


def origin_sources(rows: Sequence[Row], study: Study, say: Words) -> list[str]:
    """Return every document behind the origins, once, with the confidence where one is given."""
    parts = [part for row in rows for part in origin_of(row, study.standings[row.place]).parts]
    sources = dict.fromkeys((source, part.confidence) for part in parts for source in part.sources)
    return [
        say("origin.source", source=say.quoted(source), confidence=say(f"confidence.{confidence}"))
        if confidence
        else say.quoted(source)
        for source, confidence in sources
    ]
