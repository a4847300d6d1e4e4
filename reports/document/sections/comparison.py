"""The comparison table before it takes a form: the same cells, footnotes and marks in terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiler.metrics.catalogue import METRICS, Metric
from profiler.records.quantity import Grade
from profiler.records.target import ParityScore
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.model import Cell
from reports.judge.comparison.comparison import Group, Row

COLUMN_ORDER = ("decode_throughput", "prefill_throughput", "ttft", "tpot_p50", "tpot_p99", "mbu", "mfu", "peak_memory")
"""Metrics in the order readers ask for them; any other metric follows."""
SPEED = frozenset(COLUMN_ORDER) - {"peak_memory"}
"""Metrics of speed; the others, of memory and energy, make a table of their own where both do not fit."""

MARKED_GRADES: tuple[Grade, ...] = ("modelled", "declared")
"""Grades that a figure shows by a mark before it."""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote being made: its number, from 1, and the metrics it is about."""

    number: int
    titles: list[str]


@dataclass(frozen=True, slots=True)
class Line:
    """One target of the table; ``relative`` is its decode throughput over the fastest's, ``parity`` a short verdict.

    ``passed`` is that verdict; None where nothing was computed.
    """

    row: Row
    cells: tuple[Cell, ...]
    relative: Cell
    parity: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Targets with figures: those that compare, fastest first, then those that do not.

    ``modelled`` are a block of their own: nothing in it was run. ``broken`` rows have no figures at all. Where the
    blocks stand apart, each has its own columns, as positions in ``metrics``.
    """

    metrics: tuple[Metric, ...]
    comparable: tuple[Line, ...]
    set_apart: tuple[Line, ...]
    modelled: tuple[Line, ...]
    broken: tuple[Row, ...]
    footnotes: tuple[str, ...]
    marks: tuple[str, ...]
    measured_columns: tuple[int, ...]
    modelled_columns: tuple[int, ...]


def comparison_table(group: Group, say: Words = ENGLISH) -> Table:
    """Lay out one group. A metric that no target has is folded into the column whose reasons it shares."""
    known = {metric.name: metric for metric in METRICS}
    names = [name for name in COLUMN_ORDER if name in known]
    ordered = [known[name] for name in names] + [metric for metric in METRICS if metric.name not in names]
    ran = [row for row in group.rows if row.record.status in ("ok", "not_comparable") and not row.modelled]
    shown = [*ran, *group.modelled]
    columns, folded = _fold([metric for metric in ordered if has_column(metric, shown)], shown)
    footnotes: dict[str, Note] = {}
    own = tuple(at for at, metric in enumerate(columns) if has_column(metric, ran))
    lines = {row.place: _line(group, row, columns, folded, footnotes, say, own) for row in shown}
    places = {row.place for row in group.conclusive}
    others = [row for row in ran if row.conclusive and row.place not in places]
    filled = tuple(
        at
        for at, metric in enumerate(columns)
        if any(row.metric(metric.name).value is not None for row in group.modelled)
    )
    return Table(
        metrics=tuple(columns),
        comparable=tuple(lines[row.place] for row in (*group.conclusive, *others)),
        set_apart=tuple(lines[row.place] for row in ran if not row.conclusive),
        modelled=tuple(lines[row.place] for row in group.modelled),
        broken=tuple(row for row in group.rows if row.record.status in ("failed", "unavailable")),
        footnotes=tuple(
            say("table.footnote", metrics=say.listing(note.titles), reason=reason) for reason, note in footnotes.items()
        ),
        marks=_marks(ran, group.modelled, columns, say),
        measured_columns=own,
        modelled_columns=filled,
    )


def _marks(ran: Sequence[Row], modelled: Sequence[Row], columns: Sequence[Metric], say: Words) -> tuple[str, ...]:
    """What the marks before figures mean; a vendor's schedule has no bounds, where a model of ours has."""
    grades = {row.metric(metric.name).grade for row in ran for metric in columns}
    said = [f"{notation.GRADE_MARKS[g]} {say(f'grade.mark.{g}')}" for g in MARKED_GRADES if g in grades]
    if any(row.metric(metric.name).grade == "modelled" for row in modelled for metric in columns):
        said.append(f"{notation.GRADE_MARKS['modelled']} {say('grade.mark.modelled_by_tools')}")
    return tuple(said)


def has_column(metric: Metric, rows: Sequence[Row]) -> bool:
    """Whether tables show ``metric``; one that few targets can have shows only where one has it."""
    if metric.column == "where known":
        return any(row.metric(metric.name).value is not None for row in rows)
    return metric.column == "always"


def parity_verdict(score: ParityScore | None, say: Words = ENGLISH, *, simulated: bool = False) -> str:
    """``passed`` or ``failed``, or a dash where nothing was scored; of a simulator's results it says so."""
    if score is None:
        return notation.DASH
    if simulated:
        return say("parity.simulated.passed" if score.passed else "parity.simulated.failed")
    return say("parity.passed" if score.passed else "parity.failed")


def _fold(ordered: list[Metric], rows: list[Row]) -> tuple[list[Metric], dict[str, list[Metric]]]:
    """Columns to show, and per shown column the titles of metrics missing everywhere for the same reasons."""
    columns: list[Metric] = []
    first_with: dict[tuple[str, ...], str] = {}
    folded: dict[str, list[Metric]] = {}
    for metric in ordered:
        figures = [row.metric(metric.name) for row in rows]
        if figures and all(figure.value is None for figure in figures):
            reasons = tuple(figure.method for figure in figures)
            if reasons in first_with:
                folded.setdefault(first_with[reasons], []).append(metric)
                continue
            first_with[reasons] = metric.name
        columns.append(metric)
    return columns, folded


def _line(
    group: Group, row: Row, columns: list[Metric], folded: dict[str, list[Metric]], footnotes: dict[str, Note],
    say: Words, own: Sequence[int],
) -> Line:  # fmt: skip
    cells = []
    for at, metric in enumerate(columns):
        figure = row.metric(metric.name)
        note = 0
        if figure.value is None and (row.modelled or at in own):
            also = folded.get(metric.name, [])
            note = _number(figure.method, [say.title(one) for one in (metric, *also)], footnotes)
        cells.append(Cell(notation.quantity(figure), notation.interval(figure), note))
    ratio = group.relative_speed(row)
    if ratio is None:
        relative = Cell(notation.DASH)
    elif group.fastest is not None and group.fastest.place == row.place:
        relative = Cell(say("table.fastest" if len(group.conclusive) > 1 else "table.alone"))
    else:
        value, _, bounds = notation.times(ratio.value, ratio.ci95).partition(" (")
        relative = Cell(value, bounds.rstrip(")"))
    score = row.record.parity
    verdict = parity_verdict(score, say, simulated=row.modelled)
    return Line(row, tuple(cells), relative, verdict, score.passed if score else None)


def _number(reason: str, titles: list[str], footnotes: dict[str, Note]) -> int:
    """The number of the footnote with this reason; ``titles`` are added to those it is about."""
    known = footnotes.setdefault(reason, Note(len(footnotes) + 1, []))
    known.titles.extend(title for title in titles if title not in known.titles)
    return known.number
