"""The comparison table before it takes a form: the same cells, footnotes and marks in terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiler.metrics import METRICS, Metric
from profiler.record import ParityScore
from reports import notation
from reports.comparison import Group, Row

COLUMN_ORDER = ("decode_throughput", "prefill_throughput", "ttft", "tpot_p50", "tpot_p99", "mbu", "mfu", "peak_memory")
"""Metrics in the order readers ask for them; any other metric follows."""

MARK_MEANINGS = {"modelled": "modelled, with bounds", "declared": "declared by a datasheet"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: its text, its 95 % interval (may be empty), and the number of its footnote (0 for none)."""

    text: str
    interval: str = ""
    footnote: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One target of the table; ``relative`` is its decode throughput over the fastest's, ``parity`` a short verdict."""

    row: Row
    cells: tuple[Cell, ...]
    relative: Cell
    parity: str


@dataclass(frozen=True, slots=True)
class Table:
    """Targets with figures: those that compare, then those that do not. ``broken`` rows have no figures at all."""

    metrics: tuple[Metric, ...]
    comparable: tuple[Line, ...]
    set_apart: tuple[Line, ...]
    broken: tuple[Row, ...]
    footnotes: tuple[str, ...]
    marks: tuple[str, ...]


def comparison_table(group: Group) -> Table:
    """Lay out one group. A metric that no target has is folded into the column whose reasons it shares."""
    known = {metric.name: metric for metric in METRICS}
    names = [name for name in COLUMN_ORDER if name in known]
    ordered = [known[name] for name in names] + [metric for metric in METRICS if metric.name not in names]
    shown = [row for row in group.rows if row.record.status in ("ok", "not_comparable")]
    columns, folded = _fold([metric for metric in ordered if has_column(metric, shown)], shown)
    reasons: dict[str, list[str]] = {}
    lines = {row.place: _line(group, row, columns, folded, reasons) for row in shown}
    grades = {row.metric(metric.name).grade for row in shown for metric in columns}
    return Table(
        metrics=tuple(columns),
        comparable=tuple(lines[row.place] for row in shown if row.conclusive),
        set_apart=tuple(lines[row.place] for row in shown if not row.conclusive),
        broken=tuple(row for row in group.rows if row.record.status in ("failed", "unavailable")),
        footnotes=tuple(f"{_listing(titles)}: {reason}" for reason, titles in reasons.items()),
        marks=tuple(f"{notation.GRADE_MARKS[g]} {meaning}" for g, meaning in MARK_MEANINGS.items() if g in grades),
    )


def has_column(metric: Metric, rows: Sequence[Row]) -> bool:
    """Whether tables show ``metric``; one that few targets can have shows only where one has it."""
    if metric.column == "where known":
        return any(row.metric(metric.name).value is not None for row in rows)
    return metric.column == "always"


def parity_verdict(score: ParityScore | None) -> str:
    """``passed`` or ``failed``, or a dash where nothing was scored."""
    return notation.DASH if score is None else "passed" if score.passed else "failed"


def _fold(ordered: list[Metric], rows: list[Row]) -> tuple[list[Metric], dict[str, list[str]]]:
    """Columns to show, and per shown column the titles of metrics missing everywhere for the same reasons."""
    columns: list[Metric] = []
    first_with: dict[tuple[str, ...], str] = {}
    folded: dict[str, list[str]] = {}
    for metric in ordered:
        figures = [row.metric(metric.name) for row in rows]
        if figures and all(figure.value is None for figure in figures):
            reasons = tuple(figure.method for figure in figures)
            if reasons in first_with:
                folded.setdefault(first_with[reasons], []).append(metric.title)
                continue
            first_with[reasons] = metric.name
        columns.append(metric)
    return columns, folded


def _line(
    group: Group, row: Row, columns: list[Metric], folded: dict[str, list[str]], reasons: dict[str, list[str]]
) -> Line:  # fmt: skip
    """One target; ``reasons`` collects why figures are missing, with the titles of those that each accounts for."""
    cells = []
    for metric in columns:
        figure = row.metric(metric.name)
        note = 0
        if figure.value is None:
            titles = reasons.setdefault(figure.method, [])
            titles += [title for title in (metric.title, *folded.get(metric.name, [])) if title not in titles]
            note = list(reasons).index(figure.method) + 1
        cells.append(Cell(notation.quantity(figure), notation.interval(figure), note))
    ratio = group.relative_speed(row)
    if ratio is None:
        relative = Cell(notation.DASH)
    elif group.fastest is not None and group.fastest.place == row.place:
        relative = Cell("fastest" if len(group.conclusive) > 1 else "alone")
    else:
        value, _, bounds = notation.times(ratio.value, ratio.ci95).partition(" (")
        relative = Cell(value, bounds.rstrip(")"))
    return Line(row, tuple(cells), relative, parity_verdict(row.record.worker.parity if row.record.worker else None))


def _listing(titles: list[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    *most, last = titles
    return f"{', '.join(most)} and {last}" if most else last
