"""The comparison of all targets, figure by figure."""

from __future__ import annotations

from profiler.metrics.catalogue import Metric
from reports.document.language import Words
from reports.document.model import Block, Body, Cell, Column, GroupView, Items, Line, Paragraph, Section
from reports.document.model import Table as TableBlock
from reports.document.sections import comparison as laid
from reports.document.sections.caps import MOST_LISTED, MOST_READINGS
from reports.document.sections.explained import explained, term_text


def figures_table(view: GroupView, say: Words) -> Section | None:
    """One table of speed, memory and energy; None where no target has a figure."""
    table = laid.comparison_table(view.group, say)
    if not (table.comparable or table.set_apart or table.modelled):
        return None
    last = len(table.metrics) + 1
    speed = [at + 1 for at, metric in enumerate(table.metrics) if metric.name in laid.SPEED]
    rest = [at + 1 for at in range(len(table.metrics)) if at + 1 not in speed]
    parts = [("speed", [0, *speed, last]), ("resources", rest)] if speed else [("resources", rest)]
    split = tuple((say(f"page.columns.{name}"), tuple(columns)) for name, columns in parts if columns)
    measured = (0, *(at + 1 for at in table.measured_columns), last)
    modelled = (*(at + 1 for at in table.modelled_columns), last)
    bodies = [
        Body(tuple(_line(one, "", "", say) for one in table.comparable), most_open=MOST_LISTED, columns=measured),
        Body(tuple(_line(one, "apart", "", say) for one in table.set_apart), say("page.apart"), "apart",
             most_open=MOST_READINGS, columns=measured),
        Body(tuple(_line(one, "modelled", "modelled", say) for one in table.modelled), say("modelled.block"),
             "modelled", "modelled_by_tools", MOST_LISTED, modelled),
    ]  # fmt: skip
    columns = (
        Column(say("page.fastest_column"), "relative", term_text("relative", say)),
        *(_column(metric, say) for metric in table.metrics),
        Column(say("page.parity"), "parity", term_text("parity", say)),
    )
    first = Column(say("page.target"), "target", term_text("target", say))
    caption = say("page.comparison")
    marks = " ".join([say("page.medians"), *(f"{mark}." for mark in table.marks)])
    blocks: list[Block] = [
        TableBlock(caption, first, columns, tuple(body for body in bodies if body.lines), split),
        Paragraph(marks, "note"),
    ]
    if table.footnotes:
        blocks.append(Items(table.footnotes, kind="footnotes"))
    terms = ("relative", "parity", "interval", "grade", *(("modelled_by_tools",) if table.modelled else ()))
    return Section("comparison", caption, (*blocks, explained(say, terms, table.metrics)))


def _column(metric: Metric, say: Words) -> Column:
    return Column(say.title(metric), metric.name, say.definition(metric))


def _line(line: laid.Line, kind: str, agrees: str, say: Words) -> Line:
    row = line.row
    apart = kind == "apart" or (agrees and row.record.status != agrees)
    css = "modelled apart" if kind == "modelled" and apart else kind
    note = say("status.not_comparable") if not row.conclusive and apart else ""
    parity = Cell(line.parity, tone="plain" if line.passed is None else "good" if line.passed else "bad")
    place = row.place if row.conclusive else None
    return Line(row.label, (line.relative, *line.cells, parity), place, css, note)
