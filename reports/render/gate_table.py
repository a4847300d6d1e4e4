"""The check in a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from reports.gate import wording
from reports.gate.result import BudgetFinding, CheckResult, Finding

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {
    "regressed": "bold red", "broken": "bold red", "failed": "bold red", "inconclusive": "yellow", "improved": "green",
    "unavailable": "dim", "skipped": "dim",
}  # fmt: skip


def print_check(result: CheckResult, console: Console) -> None:
    """Print findings, budgets, what is noteworthy, and the verdict last."""
    for target in dict.fromkeys(one.target for one in result.findings):
        console.print(_findings(target, [one for one in result.findings if one.target == target]))
    for target in dict.fromkeys(one.target for one in result.budgets):
        console.print(_budgets(target, [one for one in result.budgets if one.target == target]))
    lines = [*wording.noteworthy(result), *result.notes]
    if any(not one.gated for one in result.findings):
        lines.append("Dim: shown with its own 95 % interval, cannot fail the check (--metric NAME chooses others).")
    lines.append(wording.basis(result))
    for line in lines:
        console.print(_wrapped(line, console.width, ""))
    console.print(_wrapped(result.summary, console.width, "bold green" if result.passed else "bold red"))


def _findings(target: str, findings: list[Finding]) -> Table:
    table = _table(target, ("Metric", "Baseline", "Now", "Ratio", "Interval", "Verdict"))
    for one in findings:
        if one.gated:
            table.add_row(*_cells(one, wording.verdict(one)), style=_STYLES.get(one.verdict, ""))
    table.add_section()
    for one in findings:
        # What cannot fail the check stands back: its interval is its own, at 95 %.
        if not one.gated and one.verdict != "unavailable":
            table.add_row(*_cells(one, f"  {one.verdict}"), style="dim")
    return table


def _cells(one: Finding, verdict: str) -> list[Text]:
    ratio, _, interval = wording.ratio(one).partition(" (")
    figures = (wording.figure(one.baseline, one.unit), wording.figure(one.current, one.unit))
    return [_plain(text) for text in (one.title, *figures, ratio, interval.rstrip(")"), verdict)]


def _budgets(target: str, budgets: list[BudgetFinding]) -> Table:
    table = _table(f"Budgets of {target or 'the whole run'}", ("Metric", "Limit", "Now", "Verdict"))
    for one in budgets:
        cells = (one.metric, one.limit, wording.figure(one.value, one.unit))
        table.add_row(*map(_plain, (*cells, wording.verdict(one))), style=_STYLES.get(one.verdict, ""))
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=_plain(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
        header_style="bold",
    )  # fmt: skip
    for name in columns:
        table.add_column(
            name, justify="right" if name in ("Baseline", "Now", "Ratio", "Interval") else "left", overflow="fold"
        )
    return table


def _plain(text: str) -> Text:
    from rich.text import Text

    return Text(text)


def _wrapped(text: str, width: int, style: str) -> Text:
    from rich.text import Text

    lines = textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return Text("\n".join(lines), style=style, no_wrap=True)
