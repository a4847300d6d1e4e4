"""``report.html``: one file that opens anywhere, offline; charts are inline SVG, and the page runs no script.

This module turns a :class:`Comparison` into plain strings; ``templates/report.html.j2`` only places them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profiler.metrics import METRICS
from profiler.statistics import MIN_FOR_INTERVAL
from reports import charts, notation, provenance
from reports.chart_svg import inline_svg
from reports.chart_theme import PALETTE, Layout, Scheme, Theme
from reports.comparison import Comparison, Group, Row
from reports.samples import token_times
from reports.summary import (
    DEPENDENCE_REASON,
    NOT_LEGAL_ADVICE,
    latency_drift,
    latency_title,
    memory_title,
    speed_title,
    summary,
)
from reports.table import comparison_table

if TYPE_CHECKING:
    import altair as alt
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LAYOUTS: tuple[Layout, ...] = ("wide", "narrow")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart on the page: a sentence, how to read it, and its renderings, of which one is shown at a time.

    ``legend`` names the rows that the drawing itself does not label.
    """

    title: str
    key: str
    drawings: tuple[Markup, ...]
    legend: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """The figure readers come for, one per comparable target.

    ``share_percent`` is MBU, None where it is unavailable.
    """

    row: Row
    value: str
    unit: str
    interval: str
    share_percent: float | None
    share_text: str


def render_html(comparison: Comparison) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    first = comparison.groups[0]
    return environment.get_template("report.html.j2").render(
        title=f"{first.model.spec.name}, {first.workload.name} workload",
        comparison=comparison,
        sections=[_section(at, group, comparison) for at, group in enumerate(comparison.groups)],
        metrics=METRICS,
        notation=notation,
        provenance=provenance,
        swatch=_swatch,
        line_style=_line_style,
        whole=_keep_names_whole,
        interval_minimum=MIN_FOR_INTERVAL,
        horizon=provenance.horizon_note(comparison),
        dependence_reason=DEPENDENCE_REASON,
        not_legal_advice=NOT_LEGAL_ADVICE,
    )


def _section(at: int, group: Group, comparison: Comparison) -> dict[str, object]:
    """What the page shows of one group."""
    return {
        "group": group,
        "difference": comparison.differences[at - 1] if at else "",
        "summary": summary(group, comparison),
        "cards": _cards(group),
        "table": comparison_table(group),
        "figures": _figures(group, f"g{at}"),
        "not_drawn": _not_drawn(group),
    }


def _not_drawn(group: Group) -> str:
    left_out = [f"{row.label} ({row.record.status.replace('_', ' ')})" for row in group.rows if not row.conclusive]
    return f"Not drawn: {', '.join(left_out)}." if left_out else ""


def _cards(group: Group) -> list[Card]:
    cards = []
    for row in group.conclusive:
        figure, share = row.metric("decode_throughput"), row.metric("mbu")
        value, _, unit = notation.quantity(figure).rpartition(notation.THIN_SPACE)
        text = f"{notation.quantity(share)} of the read bandwidth" if share.value is not None else share.method
        percent = None if share.value is None else min(100.0, 100.0 * share.value)
        cards.append(Card(row, value, unit, notation.interval(figure), percent, text))
    return cards


def _figures(group: Group, name: str) -> list[Figure]:
    speed_key = "Bar: median. Dots: single repetitions. Bracket: 95\u202f% interval of the median. Tall tick: "
    figures = []

    def add(
        key: str, title: str, reading: str, draw: Callable[[Theme], alt.LayerChart], legend: tuple[Row, ...] = ()
    ) -> None:
        drawings = tuple(
            inline_svg(draw(Theme(scheme, layout)), f"{name}-{key}-{scheme}-{layout}", title, f"{scheme} {layout}")
            for scheme in SCHEMES
            for layout in LAYOUTS
        )
        figures.append(Figure(title, reading, drawings, legend))

    def add_bars(key: str, title: str, reading: str, bars: Sequence[charts.Bar], axis: str) -> None:
        if bars:
            add(key, title, reading, lambda theme: charts.bar_chart(bars, axis, theme))

    add_bars(
        "decode", speed_title(group, "decode"), speed_key + "what the read bandwidth measured in the same run allows.",
        charts.decode_bars(group), "output tokens per second (decode)",
    )  # fmt: skip
    add_bars(
        "prefill", speed_title(group, "prefill"),
        speed_key + "what the matrix-product rate measured in the same run allows.",
        charts.prefill_bars(group), "prompt tokens per second (prefill)",
    )  # fmt: skip
    add_bars(
        "memory", memory_title(group),
        "Solid: anonymous memory. Pale: mapped files. Both when the measurement ended; tall tick: peak resident set.",
        charts.memory_bars(group), "resident memory in GB (10⁹ bytes)",
    )  # fmt: skip
    if any(token_times(row.record) for row in group.conclusive):
        add(
            "latency", latency_title(group),
            f"{latency_drift(group)} Line: median over repetitions. Band: from the fastest to the slowest repetition. "
            "The first token belongs to TTFT and is not drawn.".lstrip(),
            lambda theme: charts.latency_chart(group, theme), legend=group.conclusive,
        )  # fmt: skip
    return figures


def _swatch(row: Row) -> str:
    """CSS custom properties with the target's colour in both schemes."""
    light, dark = (PALETTE[scheme][row.place % len(PALETTE[scheme])] for scheme in SCHEMES)
    return f"--light:{light};--dark:{dark}"


def _line_style(row: Row) -> str:
    """The CSS border style that stands for the line pattern of the target."""
    return {1: "solid", 5: "dashed", 2: "dotted"}[Theme.dash(row.place)[0]]


def _keep_names_whole(text: str, group: Group) -> Markup:
    """``text`` escaped, with every target's id in a span, so that the page does not break it at its hyphens."""
    from markupsafe import Markup, escape

    names = sorted({row.record.id for row in group.rows}, key=len, reverse=True)
    if not names:
        return escape(text)
    parts = re.split(f"({'|'.join(re.escape(name) for name in names)})", text)
    whole = Markup('<span class="id">{}</span>')
    return Markup("").join(whole.format(part) if at % 2 else part for at, part in enumerate(parts))
