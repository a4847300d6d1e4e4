"""Classify: every layer for one subject, date and destination; and fast for many dates.

Between two days on which something changes, all answers are the same: they are worked out once for such an epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

from backends.common.errors import InputError
from profiler.chips import Chip
from reports.judge.export_control import destinations, entities
from reports.judge.export_control.classification import Circumstance, Classification, Finding, Horizon
from reports.judge.export_control.conditions import Domain
from reports.judge.export_control.destinations import find_country
from reports.judge.export_control.judge import judge, nothing_in_force
from reports.judge.export_control.rules import Layer, Rule, read_data, rules
from reports.judge.export_control.subject import Numbers, Subject, subject_of


def classify(item: Chip | Numbers, as_of: date, destination: str) -> Classification:
    """How a chip, or numbers, stand under the rules of a date for a destination.

    Raises:
        InputError: If the date is before the first one covered, the destination is unknown, or a figure is no figure.
    """
    epoch = _epoch_of(as_of)
    standing = _standing(item, _epochs()[epoch], _country(destination).code)
    return standing if standing.as_of == as_of else replace(standing, as_of=as_of)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of days with one standing; ``until`` None: up to the evidence horizon and, unless it changed, on."""

    since: date
    until: date | None
    classification: Classification


def timeline(item: Chip | Numbers, destination: str) -> tuple[Period, ...]:
    """How the standing changed, from the first date covered: a new period where a label, licence or layer changes."""
    periods: list[Period] = []
    for since in _epochs():
        now = classify(item, since, destination)
        if periods and _standing_key(periods[-1].classification) == _standing_key(now):
            continue
        if periods:
            periods[-1] = replace(periods[-1], until=since - timedelta(days=1))
        periods.append(Period(since, None, now))
    return tuple(periods)


def _standing_key(found: Classification) -> tuple[Any, ...]:
    """What makes two standings the same to a reader of a timeline."""
    layers = [(f.layer, f.rule, f.possible_labels) for f in found.findings if f.layer in _TIMELINE_LAYERS]
    shown = [entry for entry in layers if entry[2] not in _QUIET]
    review = found.licence.reviews if found.licence else ()
    return tuple(shown), review, tuple((e.role, e.listed) for e in found.entity_list)


_TIMELINE_LAYERS: tuple[Layer, ...] = (
    "eccn", "licence", "licence_exceptions", "letters", "review_policy", "gp10", "china_measures",
)  # fmt: skip
_QUIET = (("not_addressed",), ("not_concerned",), ("not_eligible",), ("none",), ("not_applicable",))
"""Outcomes that say that a layer has nothing to say."""


@cache
def advice() -> dict[str, Any]:
    """``advice.yaml``: horizon, circumstances, disclaimer."""
    return read_data("advice").value


@cache
def _epochs() -> tuple[date, ...]:
    """First days of the stretches in which nothing changes."""
    earliest: date = advice()["earliest"]
    days = {earliest, advice()["horizon"]["thin_until"] + timedelta(days=1), *destinations.change_dates()}
    days |= entities.change_dates()
    for rule in rules():
        days.add(rule.since)
        if rule.until is not None:
            days.add(rule.until + timedelta(days=1))
    for entry in advice()["circumstances"]:
        days |= {entry["from"]} if "from" in entry else set()
        days |= {entry["until"] + timedelta(days=1)} if "until" in entry else set()
    return tuple(sorted(day for day in days if day >= earliest))


def _epoch_of(as_of: date) -> int:
    if as_of < _epochs()[0]:
        raise InputError(
            f"--as-of {as_of} is before {_epochs()[0]}, the first date these rules cover; give a later one"
        )
    return bisect_right(_epochs(), as_of) - 1


_country = lru_cache(maxsize=512)(find_country)


@lru_cache(maxsize=65536)
def _standing(item: Chip | Numbers, on: date, code: str) -> Classification:
    subject = subject_of(item)
    given = _given(subject, code, on)
    in_force = tuple(rule for rule in rules() if rule.in_force(on))
    eccn_rule, eccn = _eccn(subject, given, in_force)
    found: dict[str, list[Finding]] = {}
    for rule in in_force:
        if rule.layer != "eccn" and (finding := _finding(rule, subject, given, eccn_rule)) is not None:
            found.setdefault(rule.layer, []).append(finding)
    licence = _only(found, "licence")
    if_hq = None
    if licence is not None:
        with_hq = {**given, "recipient_hq_in_d5_or_macau": (True,)}
        rule = next(rule for rule in in_force if rule.layer == "licence")
        if_hq = _finding(rule, subject, with_hq, eccn_rule)
    chip = subject.chip
    return Classification(
        subject.name, chip.id if chip else None, on, find_country(code), subject.nominal_tpp, subject.tpp,
        subject.nominal_pd, subject.pd, eccn, _only(found, "datacenter_exemption"), _only(found, "lower_tier"),
        licence, if_hq, tuple(found.get("licence_exceptions", ())), tuple(found.get("letters", ())),
        _only(found, "review_policy"), _only(found, "gp10"), tuple(found.get("tariffs", ())),
        _only(found, "foundry_due_diligence"), tuple(found.get("china_measures", ())),
        (entities.listing("designer", chip.vendor, on), entities.listing("foundry", chip.foundry, on)) if chip else (),
        entities.affiliates_rule(on), _circumstances(eccn, on), _horizon(on), advice()["not_legal_advice"],
    )  # fmt: skip


def _eccn(subject: Subject, given: Mapping[str, Domain], in_force: tuple[Rule, ...]) -> tuple[Rule | None, Finding]:
    """The classification rule in force for this kind of item, and what it says."""
    for rule in in_force:
        if rule.layer == "eccn" and (finding := _finding(rule, subject, given, rule)) is not None:
            return rule, finding
    return None, nothing_in_force("eccn")


def _finding(rule: Rule, subject: Subject, given: Mapping[str, Domain], eccn: Rule | None) -> Finding | None:
    read = {leaf.metric for leaf in (*rule.leaves(), *(eccn.leaves() if eccn else ()))}
    key = (rule.id, eccn.id if eccn else None, tuple((name, given[name]) for name in sorted(read & set(given))))
    if key not in subject.findings:
        subject.findings[key] = judge(rule, subject, given, eccn)
    return subject.findings[key]


def _only(found: Mapping[str, list[Finding]], layer: str) -> Finding | None:
    findings = found.get(layer, [])
    assert len(findings) < 2, f"two rules of layer {layer} are in force at once"
    return findings[0] if findings else None


def _given(subject: Subject, code: str, on: date) -> dict[str, Domain]:
    given: dict[str, Domain] = {name: (fact,) for name, fact in destinations.destination_facts(code, on).items()}
    given["recipient_hq_in_d5_or_macau"] = (destinations.in_d5_or_macau(code, on),)
    if subject.chip is None:
        given["designer_in_d5_or_macau"] = (False, True)
    else:
        homes = {subject.chip.designer_country, subject.chip.vendor_hq_country}
        given["designer_in_d5_or_macau"] = (any(destinations.in_d5_or_macau(home, on) for home in homes),)
    return given


def _circumstances(eccn: Finding, on: date) -> tuple[Circumstance, ...]:
    found = []
    for entry in advice()["circumstances"]:
        if ("from" in entry and on < entry["from"]) or ("until" in entry and on > entry["until"]):
            continue
        if entry["id"] == "below-3A090" and not set(eccn.possible_labels) & {"not_3A090", "exempt_note_2"}:
            continue
        found.append(Circumstance(entry["id"], entry["text"], tuple(entry["sources"]), entry["confidence"]))
    return tuple(found)


def _horizon(on: date) -> Horizon:
    known = advice()["horizon"]
    dates = (known["dense_until"], known["thin_until"], known["facts_as_of"])
    return Horizon(*dates, past=on > known["thin_until"], statement=known["statement"])
