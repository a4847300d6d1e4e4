"""A classification as plain JSON values. Figures are exact inside and become floats only here."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from typing import Any

from reports.judge.export_control.classification import Classification, Comparison, Finding, Listing
from reports.judge.export_control.conditions import Domain
from reports.judge.export_control.engine import Period
from reports.judge.export_control.figures import Interval
from reports.judge.export_control.rules import read_data, rule_sources

SCHEMA = "chipassay.classification/1"

_ONCE = ("trace", "sources", "background")
"""Parts of an answer that a timeline does not repeat for every period."""


def classification_json(found: Classification) -> dict[str, Any]:
    """The whole answer; ``tpp`` is None where only ``tpp_range`` is known (None in a range: an open end)."""
    listings = {listing.role: _listing(listing) for listing in found.entity_list}
    return {
        "schema": SCHEMA,
        "chip": found.chip_id or found.subject,
        "name": found.subject,
        "as_of": found.as_of.isoformat(),
        "destination": found.destination.code,
        "tpp": _number(found.tpp),
        "tpp_range": _interval(found.tpp_bounds),
        "performance_density": _number(found.performance_density),
        "performance_density_range": _interval(found.performance_density_bounds),
        "eccn": _finding(found.eccn),
        "restricted": found.restricted,
        "datacenter_exemption": _optional(found.datacenter_exemption),
        "lower_tier": _optional(found.lower_tier),
        "licence": _optional(found.licence),
        "licence_if_recipient_hq_in_d5_or_macau": _optional(found.licence_if_recipient_hq_in_d5),
        "licence_exceptions": [{"name": f.rule, **_finding(f)} for f in found.licence_exceptions],
        "letters": [_finding(f) for f in found.letters],
        "review_policy": _review(found),
        "gp10": _optional(found.gp10),
        "entity_list": {**listings, "affiliates_rule": found.affiliates_rule} if listings else None,
        "tariffs": [_finding(f) for f in found.tariffs],
        "foundry_due_diligence": _optional(found.foundry_due_diligence),
        "china_measures": [_finding(f) for f in found.china_measures],
        "circumstances": [asdict(entry) for entry in found.circumstances],
        "horizon": {
            "evidence_until": found.horizon.dense_until.isoformat(),
            "thin_until": found.horizon.thin_until.isoformat(),
            "facts_as_of": found.horizon.facts_as_of.isoformat(),
            "past": found.horizon.past,
            "statement": found.horizon.statement,
        },
        "not_legal_advice": found.not_legal_advice,
        "background": _background(found),
        "trace": [_comparison(entry) for finding in found.findings for entry in finding.comparisons],
        "sources": {key: asdict(rule_sources()[key]) for key in _sources(found)},
    }


def timeline_json(periods: tuple[Period, ...]) -> list[dict[str, Any]]:
    """Each period with the answer of its first day, without the trace."""
    return [
        {
            "from": period.since.isoformat(),
            "until": period.until.isoformat() if period.until else None,
            **{key: v for key, v in classification_json(period.classification).items() if key not in _ONCE},
        }
        for period in periods
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "label": finding.label,
        "possible_labels": list(finding.possible_labels),
        "rule": finding.rule,
        "title": finding.title,
        "citation": finding.citation,
        "meaning": list(finding.meanings),
        "notes": list(finding.notes),
        "sources": list(finding.sources),
        "confidence": finding.confidence,
    }


def _optional(finding: Finding | None) -> dict[str, Any] | None:
    return None if finding is None else _finding(finding)


def _review(found: Classification) -> dict[str, Any] | None:
    """How applications are reviewed: the policy of January 2026 where it speaks, beside the rule's own baseline."""
    baseline = [review for review in (found.licence.reviews if found.licence else ()) if review]
    policy = found.review_policy
    if policy is not None and policy.label != "not_applicable":
        return {**_finding(policy), "baseline": baseline}
    if found.licence is None:
        return None
    reviews = baseline or ["not_applicable"]
    label = reviews[0] if len(reviews) == 1 and len(found.licence.reviews) == 1 else "indeterminate"
    return {**_finding(found.licence), "label": label, "possible_labels": reviews, "baseline": baseline}


def _background(found: Classification) -> dict[str, Any]:
    """What happened around the rules up to the date, bills, entries with the same controls, and what to verify."""
    events = read_data("events").value
    controlled = set(found.eccn.possible_labels) & {"3A090", "3A090.a", "3A090.b"}
    return {
        "events": [
            {**event, "date": event["date"].isoformat()} for event in events["events"] if event["date"] <= found.as_of
        ],
        "pending_bills": events["pending_bills"],
        "mirrored_eccns": events["mirrored_eccns"] if controlled else [],
        "verify": events["verify"],
    }


def _listing(listing: Listing) -> dict[str, Any]:
    return {**asdict(listing), "since": listing.since.isoformat() if listing.since else None}


def _comparison(entry: Comparison) -> dict[str, Any]:
    return {
        "rule": entry.rule,
        "layer": entry.layer,
        "outcome": entry.outcome,
        "paragraph": entry.paragraph or None,
        "metric": entry.metric,
        "op": entry.op,
        "line": _value(entry.line),
        "saw": _domain(entry.saw),
        "verdict": entry.verdict,
        "margin": _value(entry.margin),
        "text": entry.text,
        "citation": entry.citation,
    }


def _domain(domain: Domain) -> Any:
    if isinstance(domain, Interval):
        return _number(domain.low) if domain.is_point else None if domain.is_unknown else _interval(domain)
    return _value(domain[0]) if len(domain) == 1 else [_value(value) for value in domain]


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(part) for part in value]
    return _number(value) if isinstance(value, Fraction) else value


def _number(value: Fraction | None) -> float | int | None:
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)


def _interval(interval: Interval) -> list[float | int | None]:
    return [_number(interval.low), _number(interval.high)]


def _sources(found: Classification) -> list[str]:
    keys = [key for finding in found.findings for key in finding.sources]
    keys += [key for circumstance in found.circumstances for key in circumstance.sources]
    keys += [key for listing in found.entity_list for key in listing.sources]
    return sorted(set(keys))
