"""The gate in a terminal: a check, and the runs of a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from profiler.metrics.catalogue import METRICS
from profiler.statistics.medians import median
from reports.document import notation
from reports.gate import wording
from reports.gate.baseline import Baseline
from reports.gate.result import BudgetFinding, CheckResult, Finding
from reports.render.terminal_table import paragraph, tables

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_STYLES = {
    "regressed": "bold red", "broken": "bold red", "failed": "bold red", "inconclusive": "yellow", "improved": "green",
    "unavailable": "dim", "skipped": "dim",
}  # fmt: skip
_SPREAD = "Spread: relative standard deviation between runs, pooled with what is assumed beforehand."


def print_check(result: CheckResult, console: Console) -> None:
    """Print findings, budgets, what is noteworthy, and the verdict last."""
    parts: list[RenderableType] = []
    for target in dict.fromkeys(one.target for one in result.findings):
        parts += _findings(target, [one for one in result.findings if one.target == target], console.width)
    for target in dict.fromkeys(one.target for one in result.budgets):
        parts += _budgets(target, [one for one in result.budgets if one.target == target], console.width)
    lines = [*wording.noteworthy(result), *result.notes]
    if any(not one.gated for one in result.findings):
        lines.append("Dim: shown with its own 95 % interval, cannot fail the check (--metric NAME chooses others).")
    lines.append(wording.basis(result))
    parts += [paragraph(line, console.width, hanging=2) for line in lines]
    parts.append(paragraph(result.summary, console.width, "bold green" if result.passed else "bold red", 2))
    for part in parts:
        console.print(part)


def _findings(target: str, findings: list[Finding], width: int) -> list[RenderableType]:
    gated = [one for one in findings if one.gated]
    # What cannot fail the check is dim: its interval is its own, at 95 %.
    others = [one for one in findings if not one.gated and one.verdict != "unavailable"]
    rows = [[*_cells(one), wording.verdict(one) if one.gated else f"  {one.verdict}"] for one in (*gated, *others)]
    styles = [_STYLES.get(one.verdict, "") for one in gated] + ["dim"] * len(others)
    head = ("Metric", "Baseline", "Now", "Ratio", "Interval", "Verdict")
    return tables(
        head, rows, width, title=target, left={5}, lines="solid", line_after={len(gated)}, row_styles=styles
    )  # fmt: skip


def _cells(one: Finding) -> list[str]:
    ratio, _, interval = wording.ratio(one).partition(" (")
    figures = (wording.figure(one.baseline, one.unit), wording.figure(one.current, one.unit))
    return [one.title, *figures, ratio, interval.rstrip(")")]


def _budgets(target: str, budgets: list[BudgetFinding], width: int) -> list[RenderableType]:
    rows = [(one.metric, one.limit, wording.figure(one.value, one.unit), wording.verdict(one)) for one in budgets]
    styles = [_STYLES.get(one.verdict, "") for one in budgets]
    title = f"Budgets of {target or 'the whole run'}"
    head = ("Metric", "Limit", "Now", "Verdict")
    return tables(head, rows, width, title=title, left={1, 3}, lines="solid", row_styles=styles)


def print_baseline(baseline: Baseline, console: Console) -> None:
    """Print, per target, the median of every gated metric in every run, and the spread between runs."""
    identity = baseline.identity
    console.print(paragraph(f"{identity.model}, {identity.workload}, on {identity.chip}", console.width))
    for target in baseline.target_ids:
        spreads = baseline.spreads(target)
        shown = [metric for metric in METRICS if metric.name in spreads]
        rows = [
            [run.created, *(_middle(run.targets[target].figures[metric.name].samples, metric.unit) for metric in shown)]
            for run in baseline.runs
        ]
        last = ["" if (spread := spreads[metric.name]) is None else f"{100 * spread:.1f} %" for metric in shown]
        head = ["Run", *(metric.title for metric in shown)]
        for part in tables(
            head, [*rows, ["spread", *last]], console.width, title=target, lines="solid", line_after={len(rows)}
        ):  # fmt: skip
            console.print(part)
    console.print(paragraph(_SPREAD, console.width))


def _middle(samples: Sequence[float], unit: str) -> str:
    return notation.with_unit(median(samples), unit) if samples else notation.DASH
