"""Bars of speed and memory: the value, its spread, and the ceiling or peak as a tick.

A row of bars carries its own label and value above it, so that long target names fit a phone. Only comparable targets
are drawn: a bar next to others invites a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profiler.records.target import TargetRecord
from reports.document import notation
from reports.document.charts.theme import Theme
from reports.document.language import Words
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.samples import decode_rates_tok_per_s, prompt_rates_tok_per_s

if TYPE_CHECKING:
    import altair as alt

ROW_PX = 66
BAR_PX = 15
_LABEL_ABOVE_PX = -18
_NOTE_BELOW_PX = 17
_TICK_REACH_PX = 11


@dataclass(frozen=True, slots=True)
class Limit:
    """What a target could reach at best, drawn as a tick: the value and its words."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart; all numbers in the axis's unit. ``parts`` are stacked from zero."""

    row: Row
    parts: tuple[float, ...]
    text: str
    ci95: tuple[float, float] | None = None
    samples: tuple[float, ...] = ()
    limit: Limit | None = None


def decode_bars(rows: Sequence[Row], say: Words) -> list[Bar]:
    """Decode throughput in tok/s, every repetition, and the ceiling that measured read bandwidth implies."""
    return _speed_bars(rows, "decode_throughput", "mbu", decode_rates_tok_per_s, "chart.bandwidth_ceiling", say)


def prefill_bars(rows: Sequence[Row], prompt_tokens: int, say: Words) -> list[Bar]:
    """Prefill throughput in tok/s, every repetition, and the ceiling that the measured matrix product implies."""

    def rates(record: TargetRecord) -> list[float]:
        return prompt_rates_tok_per_s(record, prompt_tokens)

    return _speed_bars(rows, "prefill_throughput", "mfu", rates, "chart.matrix_ceiling", say)


def memory_bars(rows: Sequence[Row], say: Words) -> list[Bar]:
    """Resident memory in GB when the measurement ended (anonymous, then file-backed), and the peak as the tick."""
    bars = []
    for row in rows:
        peak_bytes = row.metric("peak_memory").value
        if not row.conclusive or row.record.worker is None or peak_bytes is None:
            continue
        memory = row.record.worker.memory
        peak = Limit(peak_bytes / 1e9, say("chart.peak", value=notation.with_unit(peak_bytes, "B")))
        if memory.anonymous_bytes is None or memory.file_bytes is None:
            bars.append(Bar(row, (0.0,), say("chart.peak_only"), limit=peak))
            continue
        held = notation.with_unit(memory.anonymous_bytes + memory.file_bytes, "B")
        parts = (memory.anonymous_bytes / 1e9, memory.file_bytes / 1e9)
        bars.append(Bar(row, parts, say("chart.at_end", value=held), limit=peak))
    return bars


def bar_chart(bars: Sequence[Bar], axis_title: str, theme: Theme) -> alt.LayerChart:
    """Horizontal bars from zero with dots, interval, limit tick and direct labels."""
    import altair as alt
    import pandas as pd

    top = max(max(_extent(bar)) for bar in bars) * 1.04 or 1.0
    scale = alt.Scale(domain=[0, top], nice=False)
    order = [bar.row.label for bar in bars]
    y = alt.Y("label:N", sort=order, axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))
    axis = alt.Axis(title=axis_title, tickCount=5, zindex=0)
    layers: list[alt.Chart] = []

    def layer(rows: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(pd.DataFrame(rows))

    stacks: list[dict[str, Any]] = []
    for bar in bars:
        start = 0.0
        for at, part in enumerate(bar.parts):
            colour = theme.colour(bar.row.place)
            stacks.append(
                {"label": bar.row.label, "from": start, "to": start + part, "hue": colour, "ink": 0.45 if at else 0.88}
            )
            start += part
    layers.append(
        layer(stacks)
        .mark_bar(height=BAR_PX, cornerRadius=1)
        .encode(
            x=alt.X("from:Q", scale=scale, axis=axis), x2="to:Q", y=y,
            color=alt.Color("hue:N", scale=None), opacity=alt.Opacity("ink:Q", scale=None),
        )
    )  # fmt: skip
    layers += _uncertainty(bars, y, scale, theme, layer)
    layers += _limits(bars, y, scale, theme, layer, top)
    texts = [
        {"label": bar.row.label, "name": theme.shorten(bar.row.label, bar.text), "value": bar.text} for bar in bars
    ]
    above = layer(texts)
    layers.append(
        above.mark_text(align="left", dy=_LABEL_ABOVE_PX, fontWeight=600, color=theme.ink).encode(
            x=alt.value(0), y=y, text="name:N"
        )
    )
    layers.append(
        above.mark_text(align="right", dy=_LABEL_ABOVE_PX, color=theme.ink).encode(
            x=alt.value(theme.plot_width_px), y=y, text="value:N"
        )
    )
    chart = alt.layer(*layers).properties(width=theme.plot_width_px, height=ROW_PX * len(bars))
    return chart.configure(**theme.config())


def _speed_bars(
    rows: Sequence[Row],
    throughput: str,
    utilisation: str,
    rates: Callable[[TargetRecord], list[float]],
    limit_key: str,
    say: Words,
) -> list[Bar]:
    bars = []
    for row in rows:
        figure = row.metric(throughput)
        if not row.conclusive or figure.value is None:
            continue
        reachable = row.ceiling_tok_per_s(throughput, utilisation)
        limit = Limit(reachable, say(limit_key, value=notation.number(reachable))) if reachable else None
        samples = tuple(rates(row.record))
        bars.append(Bar(row, (figure.value,), notation.quantity(figure), figure.ci95, samples, limit))
    return bars


def _uncertainty(
    bars: Sequence[Bar], y: alt.Y, scale: alt.Scale, theme: Theme, layer: Callable[[list[dict[str, Any]]], alt.Chart]
) -> list[alt.Chart]:
    import altair as alt

    layers = []
    dots = [{"label": bar.row.label, "at": value} for bar in bars for value in bar.samples]
    if dots:
        circles = layer(dots).mark_circle(size=32, opacity=0.8, color=theme.page, stroke=theme.ink, strokeWidth=0.8)
        layers.append(circles.encode(x=alt.X("at:Q", scale=scale), y=y))
    spans = [{"label": bar.row.label, "low": bar.ci95[0], "high": bar.ci95[1]} for bar in bars if bar.ci95]
    if spans:
        rules = layer(spans)
        layers.append(
            rules.mark_rule(strokeWidth=2, color=theme.ink).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y)
        )
        for end in ("low", "high"):
            cap = rules.mark_tick(thickness=2, height=BAR_PX - 3, color=theme.ink, opacity=1)
            layers.append(cap.encode(x=alt.X(f"{end}:Q", scale=scale), y=y))
    return layers


def _limits(
    bars: Sequence[Bar], y: alt.Y, scale: alt.Scale, theme: Theme,
    layer: Callable[[list[dict[str, Any]]], alt.Chart], top: float,
) -> list[alt.Chart]:  # fmt: skip
    import altair as alt

    rows: list[dict[str, Any]] = [
        {"label": bar.row.label, "at": bar.limit.value, "text": bar.limit.text} for bar in bars if bar.limit
    ]
    if not rows:
        return []
    tick = layer(rows).mark_tick(thickness=2.5, height=2 * _TICK_REACH_PX, color=theme.ink, opacity=1)
    layers = [tick.encode(x=alt.X("at:Q", scale=scale), y=y)]
    for align, chosen in (
        ("right", [row for row in rows if row["at"] > top / 2]),
        ("left", [row for row in rows if row["at"] <= top / 2]),
    ):
        if chosen:
            note = layer(chosen).mark_text(align=align, dy=_NOTE_BELOW_PX, dx=1, color=theme.muted_ink)
            layers.append(note.encode(x=alt.X("at:Q", scale=scale), y=y, text="text:N"))
    return layers


def _extent(bar: Bar) -> tuple[float, ...]:
    return (sum(bar.parts), *(bar.ci95 or ()), *bar.samples, *((bar.limit.value,) if bar.limit else ()))
