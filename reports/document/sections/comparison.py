"""The comparison of all targets, figure by figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from profiler.disturbance.verdict import disturbance
from profiler.metrics.catalogue import METRICS, Metric
from profiler.records.plausibility import code_of
from profiler.records.quantity import Grade
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    MOST_LISTED,
    MOST_READINGS,
    TERMINAL,
    Block,
    Body,
    Cell,
    Column,
    GroupView,
    Items,
    Line,
    Paragraph,
    Section,
    Table,
)
from reports.document.sections.explained import explained, term_text
from reports.document.sections.parity import parity_verdict
from reports.document.sections.summary import disturbed_text
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.samples import counted

COLUMN_ORDER = (
    "decode_throughput", "prefill_throughput", "ttft", "image_encode", "time_to_answer", "turn_ttft",
    "conversation_time", "tpot_p50", "tpot_p99", "mbu", "mfu", "peak_memory",
)  # fmt: skip
"""Metrics in the order readers ask for them; any other metric follows."""
SPEED = frozenset(COLUMN_ORDER) - {"peak_memory"}
"""Metrics of speed; the others, of memory and energy, make a second table where one is too wide."""

MARKED_GRADES: tuple[Grade, ...] = ("modelled", "declared")
"""Grades that a figure shows by a mark before it."""


def comparison(view: GroupView, say: Words) -> Section | None:
    """Return one table of speed, memory and energy; None where no target has a figure."""
    made = Layout.of(view.group, say)
    if not made.shown:
        return None
    marks = made.marks()
    blocks: list[Block] = [
        made.table(),
        Paragraph(say.together([say("page.medians"), *marks]), "note", formats=FILES),
        *([Paragraph(say.together(marks), "note", formats=TERMINAL)] if marks else []),
    ]
    if made.footnotes:
        lines = tuple(
            say("table.footnote", metrics=say.listing(titles), reason=say.quoted(reason))
            for reason, titles in made.footnotes.items()
        )
        blocks.append(Items(lines, kind="footnotes"))
    blocks += [Paragraph(text, "warning", formats=TERMINAL) for text in _warnings(view.group, say)]
    terms = ("relative", "parity", "interval", "grade", *(("modelled_by_tools",) if view.group.modelled else ()))
    blocks.append(explained(say, terms, made.metrics))
    return Section("comparison", say("page.comparison"), tuple(blocks), formats=EVERY_FORMAT)


def has_column(metric: Metric, rows: Sequence[Row]) -> bool:
    """Return whether tables show ``metric``; one that few targets can have shows only where one has it."""
    if metric.column == "where known":
        return any(row.metric(metric.name).value is not None for row in rows)
    return metric.column == "always"


@dataclass(frozen=True)
class Layout:
    """The table being made: targets with figures, and the metrics that are its columns.

    Nothing of the ``modelled`` targets was run, so they fill other columns. ``folded`` are metrics without a column, by
    the metric whose column stands for them. ``footnotes`` are the reasons of missing figures, in the order of their
    numbers, with the titles they are about.
    """

    group: Group
    say: Words
    ran: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    folded: dict[str, list[Metric]]
    footnotes: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, group: Group, say: Words) -> Layout:
        """Choose rows and columns. A metric that no target has is folded into the column whose reasons it shares."""
        known = {metric.name: metric for metric in METRICS}
        names = dict.fromkeys([*(name for name in COLUMN_ORDER if name in known), *known])
        ran = tuple(
            row
            for row in group.rows
            if row.record.status in ("ok", "not_comparable") and row.reported and not row.modelled
        )
        shown = [*ran, *group.modelled]
        columns, folded = _fold([known[name] for name in names if has_column(known[name], shown)], shown)
        return cls(group, say, ran, tuple(columns), folded)

    @property
    def shown(self) -> tuple[Row, ...]:
        """Every target with figures."""
        return (*self.ran, *self.group.modelled)

    def table(self) -> Table:
        """Return the table: comparable targets, fastest first, then those that are not, then the modelled ones."""
        say, last = self.say, len(self.metrics) + 1
        speed = tuple(at for at, metric in enumerate(self.metrics, 1) if metric.name in SPEED)
        rest = tuple(at for at in range(1, last) if at not in speed)
        parts = (("speed", (0, *speed, last)), ("resources", rest)) if speed else (("resources", rest),)
        split = tuple((say(f"page.columns.{name}"), columns) for name, columns in parts if columns)
        measured = (0, *self._filled(lambda metric: has_column(metric, self.ran)), last)
        modelled = (*self._filled(lambda metric: _known(metric, self.group.modelled)), last)
        fastest = [row.place for row in self.group.conclusive]
        others = [row for row in self.ran if row.conclusive and row.place not in set(fastest)]
        apart = [row for row in self.ran if not row.conclusive]
        bodies = [
            Body(self._lines([*self.group.conclusive, *others], measured), columns=measured),
            Body(self._lines(apart, measured), say("page.apart"), "apart", most_open=MOST_READINGS, columns=measured),
            Body(self._lines(self.group.modelled, modelled), say("modelled.block"), "modelled", "modelled_by_tools",
                 MOST_LISTED, modelled),
        ]  # fmt: skip
        columns = (
            Column(say("page.fastest_column"), "relative", term_text("relative", say)),
            *(Column(say.title(metric), metric.name, say.definition(metric)) for metric in self.metrics),
            Column(say("page.parity"), "parity", term_text("parity", say)),
        )
        first = Column(say("page.target"), "target", term_text("target", say))
        return Table(say("page.comparison"), first, columns, tuple(body for body in bodies if body.lines), split)

    def marks(self) -> list[str]:
        """Return what the marks before figures mean; a vendor's schedule has no bounds, a model of ours has."""
        grades = {row.metric(metric.name).grade for row in self.ran for metric in self.metrics}
        keys: list[tuple[Grade, str]] = [(grade, grade) for grade in MARKED_GRADES if grade in grades]
        if any(row.metric(metric.name).grade == "modelled" for row in self.group.modelled for metric in self.metrics):
            keys.append(("modelled", "modelled_by_tools"))
        return [self.say(f"grade.mark.{key}", mark=notation.GRADE_MARKS[grade]) for grade, key in keys]

    def _filled(self, holds: Callable[[Metric], bool]) -> tuple[int, ...]:
        return tuple(at for at, metric in enumerate(self.metrics, 1) if holds(metric))

    def _lines(self, rows: Sequence[Row], columns: Sequence[int]) -> tuple[Line, ...]:
        return tuple(self._line(row, columns) for row in rows)

    def _line(self, row: Row, columns: Sequence[int]) -> Line:
        cells = [self._cell(row, metric, row.modelled or at in columns) for at, metric in enumerate(self.metrics, 1)]
        parity = parity_verdict(row.record.parity, self.say, simulated=row.modelled)
        apart = row.record.status != "modelled" if row.modelled else not row.conclusive
        kind = ("modelled apart" if apart else "modelled") if row.modelled else "apart" if apart else ""
        note = self.say("status.not_comparable") if apart and not row.conclusive else ""
        place = row.place if row.conclusive else None
        return Line(row.label, (self._relative(row), *cells, parity), place, kind, note)

    def _cell(self, row: Row, metric: Metric, noted: bool) -> Cell:
        """Return a figure; a missing one has the number of the footnote that says why."""
        figure = row.metric(metric.name)
        if figure.value is not None or not (noted or code_of(figure)):
            return Cell(notation.quantity(figure), notation.interval(figure))
        titles = self.footnotes.setdefault(figure.method, [])
        about = [self.say.title(one) for one in (metric, *self.folded.get(metric.name, []))]
        titles.extend(title for title in about if title not in titles)
        shown = code_of(figure) or notation.DASH
        return Cell(shown, footnote=list(self.footnotes).index(figure.method) + 1)

    def _relative(self, row: Row) -> Cell:
        """Return decode throughput over that of the fastest."""
        group = self.group
        ratio = group.relative_speed(row)
        if ratio is None:
            return Cell(notation.DASH)
        if group.fastest is not None and group.fastest.place == row.place:
            return Cell(self.say("table.fastest" if len(group.conclusive) > 1 else "table.alone"))
        value, _, bounds = notation.times(ratio.value, ratio.ci95).partition(" (")
        return Cell(value, bounds.rstrip(")"))


def _known(metric: Metric, rows: Sequence[Row]) -> bool:
    return any(row.metric(metric.name).value is not None for row in rows)


def _fold(ordered: list[Metric], rows: list[Row]) -> tuple[list[Metric], dict[str, list[Metric]]]:
    """Return the columns, and per column the metrics that are missing everywhere for the same reasons."""
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


def _warnings(group: Group, say: Words) -> list[str]:
    """Return which targets are excluded from conclusions, and which were disturbed too much, with the reasons."""
    said = []
    for row in (*(row for row in group.rows if not row.modelled), *group.modelled):
        if row.conclusive or not row.reported or row.record.status == "modelled":
            continue
        if row.rejected:
            reason = say("operators.rejects", operators=say.listing(row.rejected))
        else:
            reason = say.quoted(row.record.failure.reason) if row.record.failure else say("page.apart_unknown")
        said.append(say("page.apart_row", label=row.label, reason=reason))
    for row in group.rows:
        if (seen := disturbance(counted(row.record))).too_much:
            said.append(say("page.disturbed_row", label=row.label, disturbed=disturbed_text(seen, say)))
    return said
