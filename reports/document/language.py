"""The words of a report, in English or Simplified Chinese. Every sentence is a message of ``messages/*.yaml``.

A message is a template of :meth:`str.format`; where a sentence depends on a number, it has the forms ``one`` and
``other``, chosen by ``count``. Names, units and identifiers are shown as they were recorded. So are
reasons, methods and remedies: a language other than English translates those it knows
(:mod:`reports.document.recorded`) and marks the others as quotations.

To add a language, name it in :data:`LANGUAGES` and give every message a text in it. :func:`catalogue` says which
messages a language lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import load_located
from reports.document.recorded import Templates, compiled, translated

if TYPE_CHECKING:
    from profiler.metrics.contract import Metric

Language = str
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Words:
    """Says messages in one language: ``words("summary.ran", model="qwen3-0.6b", ...)``."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        """Return the message ``key``, filled; a missing key or value is a bug, hence a KeyError."""
        template = catalogue()[key][self.language]
        if isinstance(template, dict):
            template = template["one" if values["count"] == 1 else "other"]
        text: str = template.format(**values)
        return text

    @property
    def tag(self) -> str:
        """The tag of the language in HTML."""
        return self("language.tag")

    def listing(self, names: Sequence[str]) -> str:
        """Return ``a``, ``a and b``, ``a, b and c``."""
        if len(names) < 2:
            return "".join(names)
        return f"{self.enumeration(names[:-1])}{self('language.last')}{names[-1]}"

    def enumeration(self, names: Sequence[str]) -> str:
        """Return ``a, b, c``."""
        return self("language.comma").join(names)

    def together(self, sentences: Sequence[str]) -> str:
        """Return sentences as one paragraph."""
        return self("language.space").join(sentences)

    def clauses(self, parts: Sequence[str]) -> str:
        """Return parts of one sentence, separated by semicolons."""
        return self("language.semicolon").join(parts)

    def quoted(self, recorded: str) -> str:
        """Return prose recorded in English: translated where it is known, else a quotation; one word stays as it is."""
        if self.language == "en" or " " not in recorded:
            return recorded
        return translated(recorded, _recorded(self.language)) or self("language.quoted", text=recorded)

    def title(self, metric: Metric) -> str:
        """Return the heading of a metric's column."""
        return self.translated(f"metric.{metric.name}.title", metric.title)

    def definition(self, metric: Metric) -> str:
        """Return what a metric means."""
        return self.translated(f"metric.{metric.name}.definition", metric.definition)

    def translated(self, key: str, english: str) -> str:
        """Return a text whose English belongs to another room; a translation of an older text gives way to it."""
        entry = catalogue().get(key)
        if self.language == "en":
            return english
        if entry is None or entry["en"] != english:
            return self.quoted(english)
        text: str = entry[self.language]
        return text


@lru_cache(maxsize=len(LANGUAGES))
def words(language: Language) -> Words:
    """Return the words of one language."""
    return Words(language)


ENGLISH = words("en")


def parse_language(text: str) -> Language:
    """Return the language named; raise :class:`InputError` with the nearest one if there is none."""
    for language in LANGUAGES:
        if text.strip().lower() == language:
            return language
    raise unknown("language", text, LANGUAGES)


@cache
def _recorded(language: Language) -> Templates:
    entries = [entry for key, entry in catalogue().items() if key.startswith("recorded.")]
    return compiled([(entry["en"], entry[language]) for entry in entries])


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Return every message by its key, with its template in each language.

    Raises:
        InputError: With file and line, if a message is there twice; with the keys, if a language lacks messages.
    """
    messages: dict[str, dict[str, Any]] = {}
    folder = files("reports.document").joinpath("messages")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            root = load_located(path.read_text(encoding="utf-8"), f"messages/{path.name}")
            for key, entry in root.value.items():
                if key in messages:
                    raise root.error(f"{key!r} is there twice", key)
                messages[key] = entry
    check_languages(messages, LANGUAGES)
    return messages


def check_languages(messages: dict[str, dict[str, Any]], languages: Sequence[Language]) -> None:
    """Raise :class:`InputError` that names every message a language lacks, and every text in an unknown language."""
    for language in languages:
        if lacking := [key for key, entry in messages.items() if language not in entry]:
            raise InputError(
                f"language {language!r} lacks {len(lacking)} of {len(messages)} messages; add to messages/*.yaml: "
                f"{', '.join(lacking)}"
            )
    if others := sorted({language for entry in messages.values() for language in entry} - set(languages)):
        raise InputError(
            f"messages/*.yaml: {', '.join(others)} is no language of LANGUAGES: add it there, or remove it"
        )
