"""Sentences that a run or a judgement recorded in English, said in another language.

A record is written once, in English. Its known sentences have a template ``recorded.*`` in ``messages/recorded.yaml``;
a text that fits the English template is shown in the reader's language with the same values. Every other text, such as
the output of a tool or a source, stays a quotation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Templates = tuple[tuple[re.Pattern[str], str], ...]
_PLACE = re.compile(r"\{(\w+)\}")
_CLAUSES = ("; ", " | ", ", ")


def translated(text: str, templates: Templates) -> str | None:
    """Return the text in the templates' language, its values translated too; None if no template fits all of it."""
    for pattern, other in templates:
        if found := pattern.fullmatch(text):
            values = {name: translated(value, templates) or value for name, value in found.groupdict().items()}
            return other.format(**values)
    for mark in _CLAUSES:
        parts = text.split(mark)
        known = [translated(part, templates) for part in parts] if len(parts) > 1 else [None]
        if all(known):
            return "；".join(part for part in known if part)
    return None


def compiled(pairs: Sequence[tuple[str, str]]) -> Templates:
    """Compile pairs of an English template and its translation, the longest first."""
    ordered = sorted(pairs, key=lambda pair: -len(_PLACE.sub("", pair[0])))
    return tuple((_pattern(english), other) for english, other in ordered)


def _pattern(template: str) -> re.Pattern[str]:
    parts = _PLACE.split(template)
    literal = [re.escape(part) if at % 2 == 0 else f"(?P<{part}>(?:(?!, |; ).)+?)" for at, part in enumerate(parts)]
    return re.compile("".join(literal))
