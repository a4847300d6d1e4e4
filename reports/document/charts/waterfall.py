"""A gap as steps on a logarithmic axis: from the slower target, factor by factor, to the faster one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.document import notation
from reports.document.charts.theme import Theme

if TYPE_CHECKING:
    import altair as alt

ROW_PX = 50
_BAR_PX = 14
_LABEL_ABOVE_PX = -17
_ROOM = 1.25
"""Factor of empty axis before the slowest step."""
_ROOM_FOR_VALUES = 0.2
"""Share of the axis kept free for the values, which stand at its right end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the waterfall, in tok/s; a target itself has ``begin`` equal to ``end``."""

    name: str
    begin: float
    end: float
    text: str
    place: int | None = None


def waterfall_chart(steps: list[Step], axis_title: str, theme: Theme) -> alt.LayerChart:
    """Targets as dots at the ends, factors as bars between; a factor that slows down is drawn pale and points left."""
    import altair as alt
    import pandas as pd

    low = min(min(step.begin, step.end) for step in steps) / _ROOM
    high = max(max(step.begin, step.end) for step in steps)
    high *= (high / low) ** _ROOM_FOR_VALUES
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    scale_y = alt.Scale(paddingInner=0, paddingOuter=0, domain=list(range(len(steps))))
    y = alt.Y("row:O", sort=None, axis=None, scale=scale_y)
    axis = alt.Axis(
        title=axis_title, values=_ticks(low, high, 7 if theme.layout == "wide" else 5), format="~s", zindex=0
    )
    rows = [
        {
            "row": at, "from": step.begin, "to": step.end, "label": theme.shorten(step.name, step.text),
            "text": step.text,
            "hue": theme.ink if step.place is None else theme.colour(step.place),
            "ink": 0.75 if step.end >= step.begin else 0.3,
        }
        for at, step in enumerate(steps)
    ]  # fmt: skip
    frame = alt.Chart(pd.DataFrame(rows))
    x = alt.X("from:Q", scale=scale, axis=axis)
    bars = frame.transform_filter("datum.from != datum.to").mark_bar(height=_BAR_PX, cornerRadius=1)
    ends = alt.Chart(pd.DataFrame([row for row in rows if row["from"] == row["to"]] or rows[:1]))
    layers: list[alt.Chart] = [
        bars.encode(
            x=x, x2="to:Q", y=y, color=alt.Color("hue:N", scale=None), opacity=alt.Opacity("ink:Q", scale=None)
        ),
        ends.mark_circle(size=150, opacity=1).encode(
            x=alt.X("from:Q", scale=scale), y=y, color=alt.Color("hue:N", scale=None)
        ),
    ]
    links = [{"at": step.end, "row": at, "next": at + 1} for at, step in enumerate(steps[:-1])]
    rule = alt.Chart(pd.DataFrame(links)).mark_rule(strokeWidth=1.2, strokeDash=[2, 2], color=theme.muted_ink)
    layers.append(rule.encode(x=alt.X("at:Q", scale=scale), y=y, y2="next:O"))
    names = frame.mark_text(align="left", dy=_LABEL_ABOVE_PX, fontWeight=600, color=theme.ink)
    values = frame.mark_text(align="right", dy=_LABEL_ABOVE_PX, color=theme.ink)
    layers.append(names.encode(x=alt.value(0), y=y, text="label:N"))
    layers.append(values.encode(x=alt.value(theme.plot_width_px), y=y, text="text:N"))
    chart = alt.layer(*layers).properties(width=theme.plot_width_px, height=ROW_PX * len(steps))
    return chart.configure(**theme.config())


def steps_between(
    slower: tuple[str, int], faster: tuple[str, int], speed_tok_s: tuple[float, float],
    terms: list[tuple[str, float]],
) -> list[Step]:  # fmt: skip
    """The rows of a gap: ``slower`` and ``faster`` are label and place, ``terms`` names and natural logarithms."""
    at = math.log(speed_tok_s[0])
    steps = [Step(slower[0], speed_tok_s[0], speed_tok_s[0], notation.with_unit(speed_tok_s[0], "tok/s"), slower[1])]
    for name, log_ratio in terms:
        steps.append(Step(name, math.exp(at), math.exp(at + log_ratio), f"× {notation.number(math.exp(log_ratio))}"))
        at += log_ratio
    end = Step(faster[0], speed_tok_s[1], speed_tok_s[1], notation.with_unit(speed_tok_s[1], "tok/s"), faster[1])
    return [*steps, end]


def _ticks(low: float, high: float, most: int) -> list[float]:
    """1, 2 and 5 of every decade where they are few; 1 of every decade otherwise."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [step * 10.0**decade for decade in decades for step in (1, 2, 5) if low <= step * 10.0**decade <= high]
    return fine if len(fine) <= most else [10.0**decade for decade in decades if low <= 10.0**decade <= high]
