"""The sentences for what judging gives as codes with values."""

from __future__ import annotations

from reports.document.language import ENGLISH, Words
from reports.judge.comparison.standing import Standing
from reports.judge.reason import Reason


def note_text(note: Reason, say: Words) -> str:
    """Return a note on a projected chip, as a clause without a full stop."""
    return _text("projection.note", note, say)


def why_open(found: Standing, say: Words) -> str:
    """Return why the label or the need of a licence is open; empty if neither is."""
    if found.open:
        return _text("standing.open", found.open, say)
    return say.clauses([say.quoted(meaning) for meaning in found.meanings])


def why_labelled(found: Standing) -> str:
    """Return why a label is open, in English: of a known chip, what the rules say."""
    return "; ".join(found.meanings) if found.chip else why_open(found, ENGLISH)


def _text(stem: str, reason: Reason, say: Words) -> str:
    values = {
        name: say.clauses([say.quoted(text) for text in value]) if isinstance(value, tuple) else value
        for name, value in reason.values.items()
    }
    return say(f"{stem}.{reason.code}", **values)
