"""The rules as data: read, checked, and picked by date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import msgspec

from backends.common.errors import unknown
from backends.common.yaml_lines import Located, load_located
from reports.judge.export_control.conditions import Condition, Leaf, leaves, read_condition

SCHEMA = "chipassay.rules/1"

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


def read_data(name: str) -> Located:
    """A data file of this package."""
    path = files("reports.judge.export_control").joinpath(name)
    return load_located(path.read_text(encoding="utf-8"), f"export_control/{name}")


@cache
def rule_sources() -> dict[str, RuleSource]:
    """Every document by its key."""
    return msgspec.convert(read_data("sources.yaml").value["sources"], dict[str, RuleSource])


@cache
def metrics_data() -> dict[str, Any]:
    """``metrics.yaml``: definitions, bit lengths, host links."""
    return read_data("metrics.yaml").value


@cache
def metrics() -> dict[str, Metric]:
    """Every metric by its key."""
    return msgspec.convert(metrics_data()["metrics"], dict[str, Metric])


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the project, in the order of the files."""
    found: dict[str, Rule] = {}
    for name in ("eccn.yaml", "policy.yaml"):
        root = read_data(name)
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
    if root.value.get("schema") != SCHEMA:
        raise root.error(f"schema: must be {SCHEMA!r}, found {root.value.get('schema')!r}", "schema")
    return [_rule(entry, known_metrics, set(sources)) for entry in root.items("rules")]


def _rule(entry: Located, known_metrics: Mapping[str, Any], sources: set[str]) -> Rule:
    value = dict(entry.value)
    names = ({field.name for field in fields(Rule)} - {"since"}) | {"from"}
    for key in value:
        if key not in names:
            raise entry.error(str(unknown("field", str(key), names)), key)
    for name in sorted(names - set(value) - {"until", "applies", "notes"}):
        raise entry.error(f"{name}: is missing from {value.get('id', 'this rule')!r}")
    if value["layer"] not in get_args(Layer):
        raise entry.error(str(unknown("layer", str(value["layer"]), get_args(Layer))), "layer")
    since, until = _dates(entry)
    if not value["sources"]:
        raise entry.error(f"sources: {value['id']!r} has none; every rule needs one", "sources")
    for key in value["sources"]:
        if key not in sources:
            raise entry.error(str(unknown("source", str(key), sources)), "sources")
    applies = read_condition(entry.within(value["applies"]), known_metrics) if "applies" in value else None
    outcomes = tuple(_outcome(item, known_metrics) for item in entry.items("outcomes"))
    if not outcomes:
        raise entry.error("outcomes: must hold at least one", "outcomes")
    if any(outcome.when is None for outcome in outcomes[:-1]):
        raise entry.error("outcomes: only the last may go without `when`", "outcomes")
    plain = {field.name: value.get(field.name, []) for field in fields(_Head)}
    try:
        head = msgspec.convert(plain, _Head)
    except msgspec.ValidationError as error:
        raise entry.error(str(error)) from error
    return Rule(
        head.id, head.layer, head.title, head.citation, since, until, applies, outcomes, head.notes, head.sources,
        head.confidence,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Head:
    """The fields of a rule that data gives as they are."""

    id: str
    layer: Layer
    title: str
    citation: str
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: Literal["high", "medium", "low"]


def _dates(entry: Located) -> tuple[date, date | None]:
    """First and last day in force."""
    since, until = entry.value["from"], entry.value.get("until")
    for name, day in (("from", since), ("until", until)):
        if not isinstance(day, date) and (name == "from" or day is not None):
            raise entry.error(f"{name}: must be a date like 2023-11-17, not {day!r}", name)
    if until is not None and until < since:
        raise entry.error(f"until: {until} is before {since}", "until")
    return since, until


def _outcome(item: Located, known_metrics: Mapping[str, Any]) -> Outcome:
    for key in item.value:
        if key not in ("label", "when", "meaning", "review"):
            raise item.error(f"outcome: unknown field {key!r}", str(key))
    for name in ("label", "meaning"):
        if not isinstance(item.value.get(name), str):
            raise item.error(f"{name}: must be text, found {item.value.get(name)!r}", name)
    when = item.value.get("when")
    if when is not None and not isinstance(when, dict):
        raise item.error("when: must be a condition", "when")
    condition = None if when is None else read_condition(item.within(when), known_metrics)
    return Outcome(item.value["label"], item.value["meaning"], condition, item.value.get("review", ""))
