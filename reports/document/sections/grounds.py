"""What the verdict rests on, by grade, and what would change it."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import Box, GroupView, Items, Section
from reports.document.sections.brief import brief


def grounds(view: GroupView, say: Words) -> Section:
    """Measured, declared and modelled grounds, then what would change the verdict."""
    found = brief(view.judged, say)
    grounds_of = {
        "measured": found.measured, "declared": found.declared, "modelled": found.modelled,
        "would_change": found.would_change,
    }  # fmt: skip
    blocks = tuple(Items(lines, say(f"brief.{name}"), "ground") for name, lines in grounds_of.items() if lines)
    return Section("grounds", say("brief.head"), (Box("grounds", blocks),))
