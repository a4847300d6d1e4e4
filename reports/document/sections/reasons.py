"""The sentences for what judging gives as codes with values."""

from __future__ import annotations

from typing import Any

from reports.document.language import ENGLISH, Words
from reports.judge.comparison.standing import Standing
from reports.judge.reason import Reason


def note_text(note: Reason, say: Words) -> str:
    """Return a note on a projected chip, as a clause without a full stop."""
    return say(f"projection.note.{note.code}", **_values(note, say))


def difference_text(difference: Reason, say: Words) -> str:
    """Return in what an estimate and a published result of a board differ, as a clause without a full stop."""
    return say(f"modelled.differs.{difference.code}", **_values(difference, say))


def why_open(found: Standing, say: Words) -> str:
    """Return why the label or the need of a licence is open; empty if neither is."""
    if found.open:
        return say(f"standing.open.{found.open.code}", **_values(found.open, say))
    return say.clauses([say.quoted(meaning) for meaning in found.meanings])


def why_labelled(found: Standing) -> str:
    """Return why a label is open, in English: of a known chip, what the rules say."""
    return "; ".join(found.meanings) if found.chip else why_open(found, ENGLISH)


def _values(reason: Reason, say: Words) -> dict[str, Any]:
    """Return what fills the placeholders; several recorded texts become one."""
    return {
        name: say.clauses([say.quoted(text) for text in value]) if isinstance(value, tuple) else value
        for name, value in reason.values.items()
    }
