"""The verdicts in words and figures, the same in terminal, Markdown and JUnit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.document import notation
from reports.gate.result import CheckResult, Finding, Judged, TargetFinding

MARKS = {
    "regressed": "✗", "broken": "✗", "failed": "✗", "improved": "▲", "unchanged": "✓", "met": "✓", "inconclusive": "?",
    "unavailable": "–", "skipped": "–",
}  # fmt: skip


def summary_of(judged: Sequence[Judged], *, passed: bool) -> str:
    """One sentence: passed or failed, and what was found."""
    counts = Counter[str](one.verdict for one in judged)
    words = {
        "failed": "target failed", "regressed": "regressed", "broken": "over budget", "improved": "improved",
        "unchanged": "unchanged", "met": "within budget", "inconclusive": "inconclusive", "skipped": "skipped",
        "unavailable": "unavailable",
    }  # fmt: skip
    counted = ", ".join(f"{counts[name]} {text}" for name, text in words.items() if counts[name])
    return f"{'Passed' if passed else 'Failed'}: {counted or 'nothing to judge'}."


def figure(value: float | None, unit: str) -> str:
    """A value with its unit, or a dash."""
    return notation.DASH if value is None else notation.with_unit(value, unit)


def ratio(finding: Finding) -> str:
    """``0.902× (0.85–0.96)``, or a dash."""
    return notation.DASH if finding.ratio is None else notation.times(finding.ratio, finding.interval)


def verdict(one: Judged) -> str:
    """The verdict with its mark."""
    return f"{MARKS[one.verdict]} {one.verdict}"


def because(one: Judged) -> str:
    """Why, and what would settle it."""
    remedy = one.remedy if isinstance(one, Finding) else ""
    return "; ".join(part for part in (one.explanation, remedy) if part)


def noteworthy(result: CheckResult) -> list[str]:
    """A line for everything that is not simply unchanged or met, worst first."""
    order = ("failed", "regressed", "broken", "inconclusive", "improved", "skipped")
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in sorted(
        (one for one in result.deciding if one.verdict in order), key=lambda one: order.index(one.verdict)
    ):
        alike.setdefault((_what(one), one.verdict, because(one)), []).append(one.target)
    return [
        f"{f'{_listed(targets)} {what}'.strip()}: {verdict}: {why}" for (what, verdict, why), targets in alike.items()
    ]


def basis(result: CheckResult) -> str:
    """What the verdicts rest on, in one sentence."""
    rules = result.rules
    said = f"{len(result.bundles)} run{'s' if len(result.bundles) > 1 else ''}"
    if result.baseline is None:
        return f"{said}, budgets only."
    runs = f"{result.baseline_runs} baseline run{'s' if result.baseline_runs > 1 else ''}"
    return (
        f"{said} against {runs}; {rules.tests} tests share {100 * rules.false_alarms:g} % false alarms; a loss counts "
        f"from {100 * rules.smallest_effect:g} %, and one of {100 * rules.loss_to_catch:g} % is to be caught."
    )


def _what(one: Judged) -> str:
    """What of the target was judged."""
    if isinstance(one, TargetFinding):
        return ""
    return one.title if isinstance(one, Finding) else f"{one.metric} {one.limit} ({one.origin})"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
