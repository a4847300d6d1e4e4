"""The time of each token over the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reports.document.charts.bars import ROW_PX
from reports.document.charts.theme import Theme
from reports.document.language import Words
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.samples import token_times

if TYPE_CHECKING:
    import altair as alt

SHORTEST_PX = 150
TALLEST_PX = 300


def latency_chart(targets: Sequence[Row], theme: Theme, say: Words) -> alt.LayerChart:
    """Time of each output token after the first, in ms: median over repetitions, and their range as a band.

    Raises:
        ValueError: If no comparable target generated more than one token.
    """
    import altair as alt
    import pandas as pd

    points: list[dict[str, Any]] = []
    for row in targets:
        if row.conclusive:
            points += [{"label": row.label, **asdict(time)} for time in token_times(row.record)]
    if not points:
        raise ValueError("no token after the first to draw")
    rows = [row for row in targets if any(point["label"] == row.label for point in points)]
    names = [row.label for row in rows]
    hues = alt.Scale(domain=names, range=[theme.colour(row.place) for row in rows])
    dashes = alt.Scale(domain=names, range=[theme.dash(row.place) for row in rows])
    frame = alt.Chart(pd.DataFrame(points)).encode(
        x=alt.X("token:Q", title=say("chart.axis.token"), axis=alt.Axis(grid=False, tickCount=6, format="d"),
                scale=alt.Scale(nice=False, domain=[2, max(point["token"] for point in points)])),
        color=alt.Color("label:N", scale=hues, sort=names, legend=None),
    )  # fmt: skip
    time_axis = alt.Axis(title=say("chart.axis.ms"), tickCount=5, labelFlush=False)
    band = frame.mark_area(opacity=0.2).encode(y=alt.Y("low_ms:Q", axis=time_axis), y2="high_ms:Q")
    line = frame.mark_line(strokeWidth=2).encode(
        y=alt.Y("median_ms:Q", scale=alt.Scale(zero=True), axis=time_axis),
        strokeDash=alt.StrokeDash("label:N", scale=dashes, sort=names, legend=None),
    )
    # The y axis takes about this much of the drawing's width, which the bar charts use in full.
    width_px = theme.plot_width_px - 48
    height_px = min(TALLEST_PX, max(SHORTEST_PX, ROW_PX * len(rows)))
    return alt.layer(band, line).properties(width=width_px, height=height_px).configure(**theme.config())
