"""What keeps two groups of one report apart, in a sentence."""

from __future__ import annotations

from profiler.records.index import WorkloadRecord
from reports.document.language import Words
from reports.judge.comparison.comparison import Group


def difference(first: Group, other: Group, say: Words) -> str:
    """State precisely what keeps two groups apart."""
    parts = []
    digests = [(one.model.digest[:12], one.workload.digest[:12]) for one in (first, other)]
    if first.model.digest != other.model.digest:
        names = (first.model.spec.name, other.model.spec.name)
        key = "difference.against" if names[0] != names[1] else "difference.same_name"
        named = say(key, one=names[0], other=names[1])
        parts.append(say("difference.model", named=named, first=digests[0][0], other=digests[1][0]))
    if first.workload.digest != other.workload.digest:
        facts = _workload_difference(first.workload, other.workload, say)
        parts.append(say("difference.workload", facts=facts, first=digests[0][1], other=digests[1][1]))
    return say("page.difference", parts=say.listing(parts), count=len(parts))


def _workload_difference(first: WorkloadRecord, other: WorkloadRecord, say: Words) -> str:
    facts = []
    if first.name != other.name:
        facts.append(say("difference.against", one=first.name, other=other.name))
    for what in ("prompt_tokens", "output_tokens", "batch"):
        pair = (getattr(first, what), getattr(other, what))
        if pair[0] != pair[1]:
            facts.append(say(f"difference.{what}", one=pair[0], other=pair[1]))
    return say.listing(facts) if facts else say("difference.same_sizes")
