"""One rule over one subject: which outcomes are possible, and what every comparison saw."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from reports.judge.export_control.classification import INDETERMINATE, Comparison, Finding
from reports.judge.export_control.conditions import Domain, Leaf, Scalar, leaves
from reports.judge.export_control.figures import show
from reports.judge.export_control.rules import Outcome, Rule, metrics
from reports.judge.export_control.subject import Subject
from reports.judge.export_control.worlds import worlds

NO_RULE = "not_3A090"
"""The ECCN label where no entry 3A090 is in force."""


def judge(rule: Rule, subject: Subject, given: Mapping[str, Domain], eccn: Rule | None) -> Finding | None:
    """What ``rule`` says; None where it does not apply.

    ``eccn`` is the classification rule in force, for conditions on the label it gives.
    """
    possible = _possible(rule, subject, given, eccn)
    if possible == {None}:
        return None
    outcomes = tuple(outcome for outcome in rule.outcomes if outcome in possible)
    labels = tuple(dict.fromkeys([o.label for o in outcomes] + (["not_applicable"] if None in possible else [])))
    return Finding(
        rule.layer,
        rule.id,
        rule.title,
        rule.citation,
        labels[0] if len(labels) == 1 else INDETERMINATE,
        labels,
        tuple(dict.fromkeys(outcome.meaning for outcome in outcomes)),
        tuple(dict.fromkeys(outcome.review for outcome in outcomes)),
        rule.notes,
        rule.sources,
        rule.confidence,
        _comparisons(rule, subject, given, eccn),
    )


def _possible(rule: Rule, subject: Subject, given: Mapping[str, Domain], eccn: Rule | None) -> set[Outcome | None]:
    """Every outcome some possible state of affairs gives; None stands for the rule not applying."""
    read = rule.leaves()
    needs_label = rule is not eccn and any(leaf.metric == "eccn_label" for leaf in read)
    if needs_label and eccn is not None:
        read += eccn.leaves()
    possible: set[Outcome | None] = set()
    for world in worlds(subject, given, read):
        if needs_label:
            outcome = None if eccn is None else _outcome(eccn, world)
            world["eccn_label"] = NO_RULE if outcome is None else outcome.label
        possible.add(_outcome(rule, world))
    return possible


def _outcome(rule: Rule, world: Mapping[str, Scalar]) -> Outcome | None:
    if rule.applies is not None and not rule.applies.holds(world):
        return None
    return next(outcome for outcome in rule.outcomes if outcome.when is None or outcome.when.holds(world))


def _comparisons(
    rule: Rule, subject: Subject, given: Mapping[str, Domain], eccn: Rule | None
) -> tuple[Comparison, ...]:
    found = []
    for outcome in rule.outcomes:
        for leaf in leaves(outcome.when):
            if leaf.metric == "eccn_label":
                possible = _possible(eccn, subject, given, eccn) if eccn is not None else set()
                domain: Domain = tuple(o.label for o in possible if o is not None) or (NO_RULE,)
            else:
                domain = given[leaf.metric] if leaf.metric in given else subject.domains[leaf.metric]
            verdict = leaf.over(domain)
            margin, text = _margin(leaf, domain)
            found.append(
                Comparison(
                    rule.id, rule.layer, outcome.label, leaf.paragraph, leaf.metric, leaf.op, leaf.value, domain,
                    verdict, margin, text, rule.citation,
                )
            )  # fmt: skip
    return tuple(found)


def _margin(leaf: Leaf, domain: Domain) -> tuple[Any, str]:
    """How far what was seen lies from the line, exactly and in words."""
    metric = metrics()[leaf.metric]
    unit = f" {metric.unit}" if metric.unit in ("GB/s", "TOPS", "nm", "billion") else ""
    if isinstance(domain, tuple) or not isinstance(leaf.value, Fraction):
        seen = " or ".join(_word(value) for value in domain) if isinstance(domain, tuple) else "?"
        return None, f"{metric.name}: {seen}"
    line = leaf.value
    if domain.is_unknown:
        return None, f"{metric.name} is not known; the line is {show(line)}{unit}"
    if domain.is_point:
        margin = domain.low - line
        side = f"{show(abs(margin))} {'above' if margin > 0 else 'below'}" if margin else "exactly"
        return margin, f"{metric.name} {show(domain.low, line)}{unit}, {side} {show(line)}"
    high = None if domain.high is None else domain.high - line
    if domain.high is None:
        seen = f"at least {show(domain.low, line)}{unit}"
    elif not domain.low:
        seen = f"at most {show(domain.high, line)}{unit}"
    else:
        seen = f"{show(domain.low, line)} to {show(domain.high, line)}{unit}"
    if domain.low > line:
        where = f"{show(domain.low - line)} or more above {show(line)}"
    elif high is not None and high < 0:
        where = f"{show(-high)} or more below {show(line)}"
    else:
        where = f"which reaches {show(line)}" if domain.low == line or high == 0 else f"{show(line)} lies inside"
    return (domain.low - line, high), f"{metric.name} {seen}, {where}"


def _word(value: Scalar) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def nothing_in_force(layer: str) -> Finding:
    """The ECCN finding of a day on which no entry 3A090 existed for the item."""
    return Finding(
        layer, None, "no entry 3A090 in force", "", NO_RULE, (NO_RULE,),
        ("no ECCN 3A090 entry for this kind of item is in force on the date",),
    )  # fmt: skip
