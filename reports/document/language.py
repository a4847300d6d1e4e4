"""The words of a report, in English or Simplified Chinese. Every sentence it can say stands in ``messages/*.yaml``.

A message is a template of :meth:`str.format`; its English may distinguish ``one`` and ``other`` by ``count``. What a
bundle recorded (names, reasons, methods, commands) is shown as it was recorded, in any language.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located, load_located
from profiler.metrics.catalogue import Metric

Language = Literal["en", "zh"]
LANGUAGES: dict[Language, str] = {"en": "en", "zh": "zh-Hans"}
"""Language -> its tag in HTML."""

_SENTENCE_ENDS = {"en": ".", "zh": "。"}


class Words:
    """Says messages in one language: ``words("summary.ran", model="qwen3-0.6b", ...)``."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.tag = LANGUAGES[language]

    def __call__(self, key: str, **values: Any) -> str:
        """The message ``key`` with its placeholders filled; a missing one of either is a bug, hence a KeyError."""
        template = catalogue()[key][self.language]
        if isinstance(template, dict):
            template = template["one" if values["count"] == 1 else "other"]
        text: str = template.format(**values)
        return text

    def listing(self, names: Sequence[str]) -> str:
        """``a``, ``a and b``, ``a, b and c``."""
        if self.language == "zh":
            return "、".join(names)
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

    def together(self, sentences: Sequence[str]) -> str:
        """Sentences as one paragraph; Chinese sets no space between them."""
        return ("" if self.language == "zh" else " ").join(sentences)

    def clauses(self, parts: Sequence[str]) -> str:
        """Parts of one sentence, set apart by semicolons."""
        return ("；" if self.language == "zh" else "; ").join(parts)

    def title(self, metric: Metric) -> str:
        """The heading of a metric's column."""
        return self._of_metric(metric, "title", metric.title)

    def definition(self, metric: Metric) -> str:
        """What a metric means. English is the metric's own; a translation of an older text gives way to it."""
        return self._of_metric(metric, "definition", metric.definition)

    def _of_metric(self, metric: Metric, what: str, current: str) -> str:
        entry = catalogue().get(f"metric.{metric.name}.{what}")
        if self.language == "en" or entry is None or entry["en"] != current:
            return current
        text: str = entry[self.language]
        return text


@lru_cache(maxsize=len(LANGUAGES))
def words(language: Language) -> Words:
    """The words of one language."""
    return Words(language)


ENGLISH = words("en")


def parse_language(text: str) -> Language:
    """``en`` or ``zh``; raises :class:`InputError` for anything else, with the nearest one."""
    for language in LANGUAGES:
        if text.strip().lower() == language:
            return language
    raise unknown("language", text, LANGUAGES)


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Every message by its key, with its template in each language.

    Raises:
        InputError: With file and line, if a message lacks a language or stands twice.
    """
    found: dict[str, dict[str, Any]] = {}
    folder = files("reports.document").joinpath("messages")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            root = load_located(path.read_text(encoding="utf-8"), f"messages/{path.name}")
            for key, entry in root.value.items():
                _check(root, key, entry, found)
                found[key] = entry
    return found


def _check(root: Located, key: str, entry: Any, found: dict[str, dict[str, Any]]) -> None:
    if key in found:
        raise root.error(f"{key!r} stands twice", key)
    if not isinstance(entry, dict) or set(entry) != set(LANGUAGES):
        raise InputError(f"{root.origin}:{root.line_of(key)}: {key!r} needs exactly {' and '.join(LANGUAGES)}")
