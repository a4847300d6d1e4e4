"""Targets that ran some layers only: what ran at which depth, and the figures that are extended to the whole."""

from __future__ import annotations

from profiler.metrics.catalogue import METRICS, Metric
from profiler.records.quantity import Quantity
from profiler.records.target import Depth, Extended
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    TERMINAL,
    Block,
    Grid,
    GroupView,
    Heading,
    Items,
    Paragraph,
    Section,
    only_in,
)
from reports.document.sections.mixture import parameters_text
from reports.document.sections.parity import parity_verdict
from reports.judge.comparison.comparison import Group, Row

LARGEST_MISS = 0.1
"""How far from the third depth a line may be, as a part, before the reader is warned."""


def depth(view: GroupView, say: Words) -> Section | None:
    """Return the depths of all such targets, and a table of each; None if every target ran whole.

    The files give the method in each row; the terminal, below the table, once for all figures that share it.
    """
    found = [(row, row.record.extended) for row in view.group.rows if row.record.extended]
    if not found:
        return None
    spec = view.group.model.spec
    intro = say(
        "depth.intro", model=spec.name, layers=spec.layers, total=parameters_text(spec.language_parameters, say),
        active=parameters_text(spec.active_parameters(), say),
    )  # fmt: skip
    depths = _depths(view.group, found, say)
    blocks: list[Block] = [Paragraph(intro), *only_in(FILES, Heading(depths.caption)), depths]
    for row, extended in found:
        caption = say("depth.figures", label=row.label)
        blocks.append(Heading(caption))
        blocks += only_in(FILES, _figures(caption, extended, say, how=True))
        blocks += only_in(TERMINAL, _figures(caption, extended, say, how=False), Items(_methods(extended, say)))
        blocks += only_in(FILES, Items(_missing(extended, say)))
        blocks += _bent(row.label, extended, say)
    blocks.append(Paragraph(say("depth.note"), "note"))
    return Section("depth", say("depth.head"), tuple(blocks), beside=True, formats=EVERY_FORMAT)


def _bent(label: str, extended: Extended, say: Words) -> list[Block]:
    """Return a warning where the line missed the third depth by more than a line may."""
    times = [extended.lines[name].check_off for name in ("ttft", "decode_step") if name in extended.lines]
    worst = max((abs(off) for off in times if off is not None), default=0.0)
    if worst <= LARGEST_MISS:
        return []
    return [Paragraph(say("depth.bent", label=label, off=f"{100 * worst:.0f} %"), "warning")]


def _depths(group: Group, found: list[tuple[Row, Extended]], say: Words) -> Grid:
    """Return a row a depth, the whole model last; a column of parity a target."""
    spec = group.model.spec
    names = ("layers", "use", "parameters", "active")
    head = (*(say(f"depth.column.{name}") for name in names),
            *(say("depth.column.parity", label=row.label) for row, _ in found))  # fmt: skip
    rows = []
    for at, one in enumerate(found[0][1].depths):
        cut = spec.with_layers(one.layers)
        rows.append((
            str(one.layers), say(f"depth.use.{one.use}"), parameters_text(cut.language_parameters, say),
            parameters_text(cut.active_parameters(), say), *(_parity(each.depths[at], say) for _, each in found),
        ))  # fmt: skip
    rows.append((
        str(spec.layers), say("depth.use.whole"), parameters_text(spec.language_parameters, say),
        parameters_text(spec.active_parameters(), say), *(notation.DASH for _ in found),
    ))  # fmt: skip
    return Grid(say("depth.depths"), head, tuple(rows), most_open=len(rows), kind="text")


def _parity(one: Depth, say: Words) -> str:
    if one.parity is None:
        return say("depth.failed", reason=say.quoted(one.failure.reason if one.failure else ""))
    return parity_verdict(one.parity, say).text


def _figures(caption: str, extended: Extended, say: Words, *, how: bool) -> Grid:
    """Return a row for each figure that is extended."""
    ordered = sorted(extended.depths, key=lambda one: one.use, reverse=True)  # the line first
    columns = [say("depth.column.at" if one.use == "line" else "depth.column.check", count=one.layers)
               for one in ordered]  # fmt: skip
    checked = any(one.use == "check" for one in ordered)
    head = (
        say("depth.column.figure"), *columns, *([say("depth.column.off")] if checked else []),
        say("depth.column.whole", count=extended.layers), *([say("depth.column.method")] if how else []),
    )  # fmt: skip
    rows = []
    for metric, figure in _known(extended):
        each = [one.figures.get(metric.name) for one in ordered]
        line = extended.lines.get(metric.name) or extended.lines.get(_LINE_OF.get(metric.name, ""))
        off = line.check_off if line else None
        rows.append((
            say.title(metric), *(notation.quantity(one) if one else notation.DASH for one in each),
            *([notation.DASH if off is None else notation.percent_to_a_tenth(abs(off))] if checked else []),
            _with_interval(figure), *([say.quoted(figure.method)] if how else []),
        ))  # fmt: skip
    return Grid(caption, head, tuple(rows), most_open=len(rows), kind="dense")


_LINE_OF = {"decode_throughput": "decode_step", "mbu": "decode_step", "prefill_throughput": "ttft", "mfu": "ttft"}
"""Figures that follow from the line of a time."""


def _with_interval(figure: Quantity) -> str:
    bounds = notation.interval(figure)
    return f"{notation.quantity(figure)} ({bounds})" if bounds else notation.quantity(figure)


def _known(extended: Extended) -> list[tuple[Metric, Quantity]]:
    figures = [(metric, extended.metrics[metric.name]) for metric in METRICS if metric.name in extended.metrics]
    return [(metric, figure) for metric, figure in figures if figure.value is not None]


def _methods(extended: Extended, say: Words) -> tuple[str, ...]:
    titles: dict[str, list[str]] = {}
    for metric, figure in _known(extended):
        titles.setdefault(figure.method, []).append(say.title(metric))
    return tuple(
        say("depth.method", metrics=say.listing(names), method=say.quoted(how)) for how, names in titles.items()
    )


def _missing(extended: Extended, say: Words) -> tuple[str, ...]:
    titles: dict[str, list[str]] = {}
    for metric in METRICS:
        figure = extended.metrics.get(metric.name)
        if figure is not None and figure.value is None:
            titles.setdefault(figure.method, []).append(say.title(metric))
    return tuple(
        say("depth.not_extended", metrics=say.listing(names), reason=say.quoted(why.rstrip(".")))
        for why, names in titles.items()
    )
