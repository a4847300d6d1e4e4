"""Each line of the budget file against what was measured: met, broken, inconclusive or skipped.

A figure with repetitions is broken only when its interval lies beyond the limit, and met only when it lies within: a
limit in the middle of the noise settles nothing. A single reading, such as parity, is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profiler.metrics.catalogue import METRICS
from profiler.records.quantity import Grade
from profiler.statistics.medians import median
from profiler.statistics.runs import typical_of_runs
from reports.gate import policy
from reports.gate.budgets import DEPENDENCE, PARITY, Budgets, Limit, Rulebook
from reports.gate.judgement import Sides, gate_confidence
from reports.gate.result import BudgetFinding, BudgetVerdict

_UNAVAILABLE: dict[str, BudgetVerdict] = {"fail": "broken", "pass": "met", "skip": "skipped"}


def noisy_limits(budgets: Budgets, sides: Mapping[str, Sides]) -> int:
    """Limits that noise could break: they share the false alarms with the other tests of a check."""
    return sum(bool(runs.runs(metric)[1]) for target, runs in sides.items() for metric in budgets.of(target).limits)


def judge_budgets(
    budgets: Budgets, sides: Mapping[str, Sides], dependence: Mapping[str, Any], tests: int
) -> tuple[BudgetFinding, ...]:
    """Every limit of every target, then those of the run as a whole."""
    found = []
    for target, runs in sides.items():
        rules = budgets.of(target)
        for metric, limit in rules.limits.items():
            if metric not in DEPENDENCE:
                found.append(_target_limit(target, metric, limit, rules, runs, tests))
    for metric in DEPENDENCE:
        if (whole := budgets.every.limits.get(metric)) is not None:
            found.append(_dependence_limit(metric, whole, budgets.every, dependence))
    return tuple(found)


def _target_limit(target: str, metric: str, limit: Limit, rules: Rulebook, sides: Sides, tests: int) -> BudgetFinding:
    if not sides.current:
        return BudgetFinding(
            target, metric, limit.text, limit.origin, "inconclusive", "no run of this target counts", "1"
        )  # fmt: skip
    if metric == PARITY:
        scores = [one for run in sides.current if (one := run.parity_top1) is not None]
        return _exact(target, metric, limit, rules, min(scores, default=None), "derived", "no position was scored")
    figures = [run.figures[metric] for run in sides.current if metric in run.figures]
    alike, runs = sides.runs(metric)
    figure = next((one for one in figures if one.samples), figures[-1] if figures else None)
    unit = figure.unit if figure else "1"
    if figure is None or not runs:
        reason = figure.reason if figure else "the record does not hold it"
        return _absent(target, metric, limit, rules, unit, reason)
    if figure.grade not in rules.grades:
        return _refused_grade(target, metric, limit, rules, unit, figure.grade)
    if min(min(run.samples) for run in runs) <= 0:
        return _exact(target, metric, limit, rules, median(runs[-1].samples), figure.grade, "", unit)
    prior = policy.prior_of(next(one for one in METRICS if one.name == metric))
    estimate = typical_of_runs(runs, alike, prior)
    low, high = interval = estimate.interval(gate_confidence(tests))
    verdict: BudgetVerdict = "inconclusive"
    if limit.holds(low) and limit.holds(high):
        verdict, why = "met", ""
    elif not limit.holds(low) and not limit.holds(high):
        verdict, why = "broken", "the whole interval lies beyond the limit"
    else:
        why = "the limit lies within the interval: more runs would narrow it"
    return BudgetFinding(
        target, metric, limit.text, limit.origin, verdict, why, unit, estimate.value, interval, figure.grade
    )  # fmt: skip


def _dependence_limit(metric: str, limit: Limit, rules: Rulebook, dependence: Mapping[str, Any]) -> BudgetFinding:
    """From the document ``report.json`` has; its figures are plain numbers or quantities."""
    entry = dependence.get(metric.partition(".")[2]) if dependence.get("status") == "computed" else None
    value = entry.get("value") if isinstance(entry, dict) else entry
    grade: Grade = entry.get("grade", "derived") if isinstance(entry, dict) else "derived"
    reason = str(dependence.get("reason") or "the report does not compute it")
    number = float(value) if isinstance(value, (int, float)) else None
    return _exact("", metric, limit, rules, number, grade, reason)


def _exact(
    target: str, metric: str, limit: Limit, rules: Rulebook, value: float | None, grade: Grade, reason: str,
    unit: str = "1",
) -> BudgetFinding:  # fmt: skip
    if value is None:
        return _absent(target, metric, limit, rules, unit, reason)
    if grade not in rules.grades:
        return _refused_grade(target, metric, limit, rules, unit, grade)
    verdict: BudgetVerdict = "met" if limit.holds(value) else "broken"
    why = "" if verdict == "met" else "beyond the limit"
    return BudgetFinding(target, metric, limit.text, limit.origin, verdict, why, unit, value, None, grade)


def _refused_grade(target: str, metric: str, limit: Limit, rules: Rulebook, unit: str, grade: Grade) -> BudgetFinding:
    return _absent(
        target, metric, limit, rules, unit, f"its grade is {grade}; {', '.join(rules.grades)} may decide"
    )  # fmt: skip


def _absent(target: str, metric: str, limit: Limit, rules: Rulebook, unit: str, reason: str) -> BudgetFinding:
    return BudgetFinding(
        target, metric, limit.text, limit.origin, _UNAVAILABLE[rules.unavailable],
        f'unavailable, and the policy is "{rules.unavailable}": {reason}', unit,
    )  # fmt: skip
