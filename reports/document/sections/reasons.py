"""The sentences for what judging gives as codes with values."""

from __future__ import annotations

from reports.document.language import ENGLISH, Words
from reports.judge.comparison.standing import Standing
from reports.judge.reason import Reason


def note_text(note: Reason, say: Words) -> str:
    """Return a note on a projected chip, as a clause without a full stop."""
    return say(f"projection.note.{note.code}", **note.values)


def why_open(found: Standing, say: Words) -> str:
    """Return why the label or the need of a licence is open; empty if neither is."""
    if found.open is None:
        return "; ".join(found.meanings)
    values = found.open.values
    if rules := values.get("rules"):
        values = {"rules": say.clauses(rules)}
    return say(f"standing.open.{found.open.code}", **values)


def why_labelled(found: Standing) -> str:
    """Return why a label is open, in English: of a known chip, what the rules say."""
    return "; ".join(found.meanings) if found.chip else why_open(found, ENGLISH)
