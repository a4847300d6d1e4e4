"""Whether each target computes what the reference computes."""

from __future__ import annotations

from profiler.records.parity import ParityScore
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    HTML,
    MOST_LISTED,
    MOST_READINGS,
    Block,
    Body,
    Cell,
    Column,
    GroupView,
    Line,
    Paragraph,
    Section,
    Several,
    Table,
)
from reports.judge.comparison.comparison import Group, Row

_COLUMNS = ("parity_verdict", "top1", "kl", "logit", "positions", "greedy")


def parity(view: GroupView, say: Words) -> Section | None:
    """Return a line for each target that was scored; None if none was."""
    group = view.group
    lines = [
        _line(row, row.record.parity, group, say)
        for row in sorted(group.rows, key=lambda row: row.modelled)
        if row.record.parity is not None and row.record.extended is None
    ]
    if not lines:
        return None
    columns = tuple(Column(say(f"page.{name}")) for name in _COLUMNS)
    scopes = [Paragraph(say("table.footnote", metrics=row.label, reason=parity_scope(row, say)), "note")
              for row in group.modelled if row.record.parity is not None]  # fmt: skip
    blocks: list[Block] = [
        Paragraph(say("page.parity_intro"), formats=HTML),
        Table(say("page.parity"), Column(say("page.target")), columns, (Body(tuple(lines)),), kind=""),
        Several(tuple(scopes), MOST_LISTED),
        Several(tuple(Paragraph(text) for row in group.rows for text in judgements(row, say)), MOST_LISTED),
    ]
    shown = [row for row in group.rows if row.record.status == "not_comparable" and row.reported and not row.modelled]
    for row in (*shown[:MOST_READINGS], *group.modelled[:MOST_READINGS]):
        if failure := row.record.failure:
            reasons = [say.quoted(part) for part in (failure.reason, failure.remedy) if part]
            blocks.append(
                Paragraph(say("table.footnote", metrics=row.label, reason=say.clauses(reasons)), "note", formats=HTML)
            )
    return Section("parity", say("page.parity"), tuple(blocks))


def parity_verdict(score: ParityScore | None, say: Words, *, simulated: bool = False) -> Cell:
    """Return passed or failed, or a dash where nothing was scored; of a simulator's results it says so."""
    if score is None:
        return Cell(notation.DASH, tone="plain")
    result = "passed" if score.passed else "failed"
    text = say(f"parity.simulated.{result}" if simulated else f"parity.{result}")
    return Cell(text, tone="good" if score.passed else "bad")


def judgements(row: Row, say: Words) -> list[str]:
    """Return what of a target with quantised weights was judged, and by which limits; nothing of the others."""
    score = row.record.parity
    if score is None or row.modelled:
        return []
    if score.arithmetic is None:
        reason = say("parity.hidden_because", reason=say.quoted(score.hidden_reason)) if score.hidden_reason else ""
        return [say("parity.hidden", label=row.label, reason=reason)] if score.weights == "hidden" else []
    alone, limits = score.arithmetic, score.arithmetic.thresholds
    return [say(
        "parity.apart", label=row.label, verdict=say("parity.passed" if alone.passed else "parity.failed"),
        top1=notation.percent(alone.top1_agreement), kl=_reading(alone.kl_mean, limits.get("kl_mean_max"), say),
        median=_reading(alone.kl_median, limits.get("kl_median_max"), say),
        error=_reading(alone.max_abs_logit_error, limits.get("max_abs_logit_error_max"), say),
        weights=_reading(alone.weight_error, limits.get("weight_error_max"), say),
        loss_top1=notation.percent(score.top1_agreement), loss_kl=_reading(score.kl_mean, None, say),
    )]  # fmt: skip


def parity_scope(row: Row, say: Words) -> str:
    """Return what of the model was simulated, as recorded."""
    compiled = row.compiled
    scope = say.quoted(compiled.parity_scope) or say("modelled.scope_unrecorded")
    return say("modelled.parity_scope", simulator=say.quoted(compiled.simulator) or compiled.toolchain, scope=scope)


def _line(row: Row, score: ParityScore, group: Group, say: Words) -> Line:
    """Return each measure with its limit in brackets."""
    limits = score.thresholds
    least = limits.get("top1_agreement_min")
    agreement = notation.percent(score.top1_agreement)
    if least is not None:
        agreement += f" (≥{notation.THIN_SPACE}{notation.percent(least)})"
    greedy = say("facts.of", part=score.greedy_prefix_tokens, whole=group.workload.output_tokens)
    rest = (
        agreement,
        _reading(score.kl_mean, limits.get("kl_mean_max"), say),
        _reading(score.max_abs_logit_error, limits.get("max_abs_logit_error_max"), say),
        str(score.positions),
        notation.DASH if row.modelled else greedy,
    )
    cells = (parity_verdict(score, say, simulated=row.modelled), *(Cell(text, tone="plain") for text in rest))
    return Line(row.label, cells, kind="modelled" if row.modelled else "" if row.conclusive else "apart")


def _reading(value: float, limit: float | None, say: Words) -> str:
    shown = say("facts.not_finite") if value >= notation.NOT_FINITE else notation.number(value)
    return shown if limit is None else f"{shown} (≤{notation.THIN_SPACE}{limit:g})"
