"""The fold that explains the terms and columns of a section."""

from __future__ import annotations

from collections.abc import Sequence

from profiler.metrics.catalogue import Metric
from profiler.statistics.intervals import MIN_FOR_INTERVAL
from reports.document.language import Words
from reports.document.model import HTML, Facts, Fold


def term_text(name: str, say: Words) -> str:
    """Return what a term means."""
    values = {"minimum": MIN_FOR_INTERVAL} if name == "interval" else {}
    return say(f"term.{name}.text", **values)


def explained(say: Words, terms: Sequence[str], columns: Sequence[Metric] = ()) -> Fold:
    """Return what ``columns`` and ``terms`` mean, folded away."""
    pairs = [(say.title(metric), say.definition(metric)) for metric in columns]
    pairs += [(say(f"term.{name}.name"), term_text(name, say)) for name in terms]
    return Fold(say("page.columns"), (Facts(tuple(pairs), "terms"),), "terms", formats=HTML)
