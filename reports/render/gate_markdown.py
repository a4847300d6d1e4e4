"""The check as Markdown, for a CI's step summary or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from reports.gate import wording
from reports.gate.result import CheckResult


def render_check_markdown(result: CheckResult) -> str:
    """Headline, one table of gated metrics, one of budgets, and what a reader should know."""
    identity = result.identity
    lines = [
        f"### {'✅' if result.passed else '❌'} chipassay check: {_cell(result.summary)}",
        "",
        f"{_cell(identity.model)}, {_cell(identity.workload)}, on {_cell(identity.chip)}. {wording.basis(result)}",
        "",
    ]
    gated = [one for one in result.findings if one.gated and one.verdict != "unavailable"]
    if gated:
        lines += ["| target | metric | baseline | now | ratio | verdict |", "|---|---|--:|--:|--:|---|"]
        for one in gated:
            cells = (
                one.target, one.title, wording.figure(one.baseline, one.unit), wording.figure(one.current, one.unit),
                wording.ratio(one), wording.verdict(one),
            )  # fmt: skip
            lines.append(_row(cells))
        lines.append("")
    if result.budgets:
        lines += ["| target | budget | limit | now | verdict |", "|---|---|---|--:|---|"]
        for limit in result.budgets:
            row = (
                limit.target or "whole run", limit.metric, limit.limit, wording.figure(limit.value, limit.unit),
                wording.verdict(limit),
            )  # fmt: skip
            lines.append(_row(row))
        lines.append("")
    lines += [f"- {_cell(text)}" for text in (*wording.noteworthy(result), *result.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_cell(text) for text in cells)} |"


def _cell(text: str) -> str:
    """Text that stays within its cell and is no markup."""
    plain = " ".join(text.split())
    for sign in "\\`*_|[]~":
        plain = plain.replace(sign, f"\\{sign}")
    return plain.replace("<", "&lt;").replace(">", "&gt;")
