"""The roofline plot: measured ceilings as lines, each target's phases as points under its own roof."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.document.charts.theme import Theme

if TYPE_CHECKING:
    import altair as alt

HEIGHT_PX = 300
_MARGIN = 2.0
_CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"


@dataclass(frozen=True, slots=True)
class RoofLine:
    """One device at one arithmetic: ``bandwidth_b_s``, and the ``peak_flop_s`` it bends into."""

    name: str
    bandwidth_b_s: float
    peak_flop_s: float
    place: int


@dataclass(frozen=True, slots=True)
class Point:
    """A target in one phase."""

    label: str
    intensity_flop_per_byte: float
    flop_s: float
    place: int
    is_decode: bool
    is_above: bool = False
    """Above its measured roof, which is therefore too low."""


def roofline_chart(
    roofs: Sequence[RoofLine], points: Sequence[Point], axes: tuple[str, str], theme: Theme
) -> alt.LayerChart:  # fmt: skip
    """Both axes logarithmic: FLOP per byte against FLOP per second."""
    import altair as alt
    import pandas as pd

    intensities = [point.intensity_flop_per_byte for point in points]
    bends = [roof.peak_flop_s / roof.bandwidth_b_s for roof in roofs]
    left, right = min([*intensities, *bends]) / _MARGIN, max([*intensities, *bends]) * _MARGIN
    lines: list[dict[str, Any]] = []
    for at, roof in enumerate(roofs):
        bend = roof.peak_flop_s / roof.bandwidth_b_s
        for x in (left, bend, right):
            speed = min(roof.peak_flop_s, roof.bandwidth_b_s * x)
            lines.append({"x": x, "y": speed, "roof": str(at), "hue": theme.colour(roof.place)})
    heights = [line["y"] for line in lines] + [point.flop_s for point in points]
    x_scale = alt.Scale(type="log", domain=[left, right], nice=False)
    y_scale = alt.Scale(type="log", domain=[min(heights) / _MARGIN, max(heights) * _MARGIN], nice=False)
    x = alt.X("x:Q", scale=x_scale, axis=alt.Axis(title=axes[0], values=_decades(left, right), format="~r"))
    y = alt.Y("y:Q", scale=y_scale, axis=alt.Axis(title=axes[1], labelFlush=False, format="~s", values=_decades(
        min(heights) / _MARGIN, max(heights) * _MARGIN)))  # fmt: skip
    hue = alt.Color("hue:N", scale=None)
    drawn = alt.Chart(pd.DataFrame(lines)).mark_line(strokeWidth=1.5, opacity=0.8)
    layers: list[alt.Chart] = [drawn.encode(x=x, y=y, detail="roof:N", color=hue)]
    under = [point for point in points if not point.is_above]
    for shape, chosen in (
        ("circle", [point for point in under if point.is_decode]),
        ("square", [point for point in under if not point.is_decode]),
        (_CROSS, [point for point in points if point.is_above]),
    ):
        if chosen:
            rows = [{"x": one.intensity_flop_per_byte, "y": one.flop_s, "hue": theme.colour(one.place)}
                    for one in chosen]  # fmt: skip
            mark = alt.Chart(pd.DataFrame(rows)).mark_point(
                shape=shape, size=80, filled=True, opacity=1, stroke=theme.page, strokeWidth=1
            )
            layers.append(mark.encode(x=x, y=y, color=hue))
    width_px = theme.plot_width_px - 60
    return alt.layer(*layers).properties(width=width_px, height=HEIGHT_PX).configure(**theme.config())


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten within the axis, not more than seven of them."""
    found = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    step = max(1, math.ceil(len(found) / 7))
    return [10.0**decade for decade in found if decade % step == 0]
