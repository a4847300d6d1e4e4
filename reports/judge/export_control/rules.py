"""The rules as data: read, checked, and picked by date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

from backends.common import facts
from backends.common.yaml_lines import Located
from reports.judge.export_control.conditions import Condition, Leaf, leaves, read_condition

Layer = Literal[
    "eccn", "datacenter_exemption", "lower_tier", "licence", "licence_exceptions", "letters", "review_policy", "gp10",
    "tariffs", "foundry_due_diligence", "china_measures",
]  # fmt: skip
"""What a rule speaks about; layers stand beside each other and none overwrites another."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity that conditions read: its short name, what it is, and where that is defined."""

    name: str
    title: str
    unit: str
    definition: str
    sources: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A label, the condition that gives it (None: whatever is left), and what it means."""

    label: str
    meaning: str
    when: Condition | None = None
    review: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its dates (both ends in force; ``until`` None: still so at the evidence horizon)."""

    id: str
    layer: Layer
    title: str
    citation: str
    since: date
    until: date | None
    applies: Condition | None
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: Literal["high", "medium", "low"]

    def in_force(self, on: date) -> bool:
        """Whether the rule is in force on a day."""
        return self.since <= on and (self.until is None or on <= self.until)

    def leaves(self) -> tuple[Leaf, ...]:
        """Every comparison the rule makes."""
        return tuple(leaf for part in (self.applies, *(o.when for o in self.outcomes)) for leaf in leaves(part))


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A document behind a rule, and whether its own text was seen."""

    title: str
    evidence: str
    url: str = ""
    index_id: str = ""


def read_data(name: str, kind: str = "") -> Located:
    """Return a data file of this package; ``kind`` is that of its schema, if it is not the file's name."""
    return facts.shipped(
        "reports.judge.export_control",
        f"{name}.yaml",
        f"chipassay.{kind or name}/1",
        ("rules",) if kind == "rules" else (),
    )


@cache
def rule_sources() -> dict[str, RuleSource]:
    """Every document by its key."""
    return facts.table(RuleSource, read_data("sources", "rule-sources"), "sources")


@cache
def metrics_data() -> dict[str, Any]:
    """``metrics.yaml``: definitions, bit lengths, host links."""
    return read_data("metrics").value


@cache
def metrics() -> dict[str, Metric]:
    """Every metric by its key."""
    return facts.table(Metric, read_data("metrics"), "metrics")


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the project, in the order of the files."""
    found: dict[str, Rule] = {}
    for name in ("eccn", "policy"):
        root = read_data(name, "rules")
        for rule in read_rules(root, metrics(), rule_sources()):
            if rule.id in found:
                raise root.error(f"id: {rule.id!r} appears twice")
            found[rule.id] = rule
    return tuple(found.values())


def read_rules(root: Located, known_metrics: Mapping[str, Any], sources: Iterable[str]) -> list[Rule]:
    """The rules of one document.

    Raises:
        InputError: With file, line and field, for anything unknown, missing or out of order.
    """

    def make(entry: Located) -> Rule:
        return _rule(entry, known_metrics, set(sources))

    return list(facts.records(Rule, root, "rules", make=make).values())


@dataclass(frozen=True, slots=True)
class _WrittenOutcome:
    """An outcome as data holds it."""

    label: str
    meaning: str
    when: dict[str, Any] | None = None
    review: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """A rule as data holds it."""

    id: str
    layer: Layer
    title: str
    citation: str
    since: date
    outcomes: tuple[_WrittenOutcome, ...]
    sources: tuple[str, ...]
    confidence: Literal["high", "medium", "low"]
    until: date | None = None
    applies: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def _rule(entry: Located, known_metrics: Mapping[str, Any], sources: set[str]) -> Rule:
    written = facts.record(_Written, entry)
    if written.until is not None and written.until < written.since:
        raise entry.error(f"until: {written.until} is before {written.since}", "until")
    facts.check_sources(entry, written.sources, sources, repr(written.id))
    if not written.outcomes:
        raise entry.error("outcomes: must hold at least one", "outcomes")
    if any(outcome.when is None for outcome in written.outcomes[:-1]):
        raise entry.error("outcomes: only the last may go without `when`", "outcomes")

    def condition(place: Located, given: dict[str, Any] | None) -> Condition | None:
        return None if given is None else read_condition(place.within(given), known_metrics)

    outcomes = tuple(
        Outcome(outcome.label, outcome.meaning, condition(item, item.value.get("when")), outcome.review)
        for outcome, item in zip(written.outcomes, entry.items("outcomes"), strict=True)
    )
    applies = condition(entry, entry.value.get("applies"))
    return Rule(
        written.id, written.layer, written.title, written.citation, written.since, written.until, applies, outcomes,
        written.notes, written.sources, written.confidence,
    )  # fmt: skip
