"""A classification in words, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from fractions import Fraction

from reports.judge.export_control.classification import INDETERMINATE, Classification, Comparison, Finding
from reports.judge.export_control.engine import Period
from reports.judge.export_control.figures import Interval, show
from reports.judge.export_control.rules import rule_sources

_WIDTH = 80
_NAMES = {
    "datacenter_exemption": "Note 2 exemption",
    "lower_tier": "lower tier",
    "licence": "licence",
    "licence_exceptions": "exception",
    "letters": "letter",
    "review_policy": "review policy",
    "gp10": "General Prohib. 10",
    "foundry_due_diligence": "foundry rule",
    "tariffs": "US import tariff",
    "china_measures": "China's measure",
}
_SILENT = ("not_addressed", "not_concerned")
_IDLE = ("not_eligible", "not_applicable", "none", "outside_bands", "outside")
"""Outcomes that need no more words than their label."""

_TESTED = ("letters", "review_policy", "tariffs", "lower_tier")
"""Layers whose numeric conditions are worth a line each."""

_CAUTIONED = ("letters", "review_policy", "gp10", "tariffs")
"""Layers whose notes belong beside the label."""


def explain(found: Classification) -> str:
    """Every layer, each condition with the number it saw, and what is not known."""
    lines = [
        f"{found.subject}",
        f"as of {found.as_of}, destination {found.destination.name} ({found.destination.code})",
    ]
    lines += ["", *_headline(found), "", f"Conditions of {found.eccn.rule}" if found.eccn.rule else ""]
    lines += [line for entry in found.eccn.comparisons for line in _condition(entry)]
    lines += ["", "Other layers (none overwrites another)"]
    for finding in found.findings[1:]:
        if finding.label not in _SILENT:
            lines += _layer(finding)
    there = found.licence_if_recipient_hq_in_d5
    if there and found.licence and there.possible_labels != found.licence.possible_labels:
        said = " or ".join(there.possible_labels)
        lines += _wrapped(f"if the recipient is headquartered in D:5 or Macau: licence {said}", "    ")
    lines += ["", *_entities(found), "", "What else to know"]
    lines += [line for part in found.circumstances for line in _wrapped(f"- {part.text}.", "  ", hang=2)]
    beyond = "The date lies beyond the evidence. " if found.horizon.past else ""
    lines += _wrapped(f"- {beyond}{found.horizon.statement}", "  ", hang=2)
    lines += ["", "Sources", *_sources(found), "", *_wrapped(found.not_legal_advice, "")]
    return "\n".join(line.rstrip() for line in lines)


def explain_timeline(periods: tuple[Period, ...]) -> str:
    """One entry a period: label, licence, letters and whatever else speaks."""
    first = periods[0].classification
    lines = [first.subject, f"destination {first.destination.name} ({first.destination.code})", ""]
    for period in periods:
        found = period.classification
        span = f"{period.since} to {period.until}" if period.until else f"from {period.since}"
        lines += _wrapped(f"{span:<27}{_label(found.eccn)}  [{found.eccn.rule or 'no rule'}]", "", hang=27)
        for finding in found.findings[1:]:
            if finding.layer in ("lower_tier", "datacenter_exemption", "foundry_due_diligence", "tariffs"):
                continue
            if finding.label not in (*_SILENT, "not_eligible", "none", "none_under_3A090", "not_applicable"):
                lines += _wrapped(f"{_NAMES[finding.layer]}: {_label(finding)}", " " * 27, hang=2)
        listed = [f"{entry.role} {entry.company}" for entry in found.entity_list if entry.listed == "yes"]
        if listed:
            lines += _wrapped(f"Entity List: {', '.join(listed)}", " " * 27, hang=2)
    lines += ["", *_wrapped(first.horizon.statement, ""), *_wrapped(first.not_legal_advice, "")]
    return "\n".join(line.rstrip() for line in lines)


def _headline(found: Classification) -> Iterator[str]:
    yield f"ECCN   {_label(found.eccn)}"
    for meaning in found.eccn.meanings:
        yield from _wrapped(meaning, "       ")
    if found.eccn.rule:
        yield from _wrapped(f"{found.eccn.rule}: {found.eccn.citation}", "       ")
    yield f"TPP    {_figure(found.tpp, found.tpp_bounds)}"
    yield f"PD     {_figure(found.performance_density, found.performance_density_bounds)}"
    needs = {True: "yes", False: "no", None: "open"}[found.restricted]
    yield f"Licence, notified exception or letter needed to {found.destination.code}: {needs}"


def _label(finding: Finding) -> str:
    if finding.label != INDETERMINATE:
        return finding.label
    return f"indeterminate: {' or '.join(finding.possible_labels)}"


def _condition(entry: Comparison) -> list[str]:
    where = entry.paragraph or entry.outcome
    return _wrapped(f"{where:<14}{entry.verdict:<8} {entry.op:<2} {_line(entry):<6} {entry.text}", "  ", hang=33)


def _line(entry: Comparison) -> str:
    if isinstance(entry.line, Fraction):
        return show(entry.line)
    return {True: "yes", False: "no"}.get(entry.line, "") if isinstance(entry.line, bool) else ""


def _layer(finding: Finding) -> Iterator[str]:
    yield from _wrapped(f"{_NAMES[finding.layer]:<20}{_label(finding)}  [{finding.rule}]", "  ", hang=20)
    if finding.label in _IDLE:
        return
    yield from _wrapped("; or: ".join(finding.meanings), "      ")
    if finding.layer in _TESTED:
        for entry in finding.comparisons:
            if entry.margin is not None or "not known" in entry.text:
                yield from _wrapped(f"{entry.verdict:<8} {entry.text}", "      ", hang=9)
    if finding.layer in _CAUTIONED:
        for note in finding.notes:
            yield from _wrapped(f"- {note}", "      ", hang=2)


def _entities(found: Classification) -> Iterator[str]:
    yield f"Entity List (affiliates rule: {found.affiliates_rule.replace('_', ' ')})"
    if not found.entity_list:
        yield "  designer and foundry are not known from numbers"
    for entry in found.entity_list:
        since = f" since {entry.since}, {entry.citation}" if entry.since and entry.listed == "yes" else ""
        note = f" ({entry.note})" if entry.note and entry.listed != "yes" else ""
        text = f"{entry.role} {entry.company or 'not established'}: {entry.listed.replace('_', ' ')}{since}{note}"
        yield from _wrapped(text, "  ", hang=2)


def _figure(nominal: Fraction | None, bounds: Interval) -> str:
    if bounds.is_unknown:
        return "not known"
    if bounds.is_point:
        return show(bounds.low)
    high = "no upper bound" if bounds.high is None else show(bounds.high)
    spread = f"{show(bounds.low)} to {high}"
    return spread if nominal is None else f"{show(nominal)} (range {spread})"


def _sources(found: Classification) -> Iterator[str]:
    known = rule_sources()
    for key in dict.fromkeys(
        key for finding in found.findings if finding.label not in _SILENT for key in finding.sources
    ):
        yield from _wrapped(f"{key}: {known[key].title}", "  ", hang=2)


def _wrapped(text: str, indent: str, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + " " * hang, break_on_hyphens=False
    )
