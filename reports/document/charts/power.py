"""Power over time, from the cumulative energy of a meter's samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from profiler.energy.window import joules_between
from profiler.records.readings import EnergyReading
from profiler.records.target import EnergyWindow, Repetition
from reports.document.charts.theme import Theme

if TYPE_CHECKING:
    import altair as alt

HEIGHT_PX = 150
MOST_STEPS = 240
"""Steps of one drawing; of denser samples, neighbours are joined, which keeps their mean power exact."""


@dataclass(frozen=True, slots=True)
class PowerStep:
    """Mean power between two moments, in seconds since the first sample."""

    begin_s: float
    end_s: float
    watts: float


@dataclass(frozen=True, slots=True)
class PowerLine:
    """What a meter saw: steps, the stretches of work as (begin, end) in seconds, and mean and idle power."""

    steps: tuple[PowerStep, ...]
    work: tuple[tuple[float, float], ...]
    mean_w: float
    idle_w: float | None

    @property
    def peak_w(self) -> float:
        """The highest mean power of a step."""
        return max(step.watts for step in self.steps)


def power_line(
    reading: EnergyReading, runs: Sequence[Repetition], stretched: Sequence[EnergyWindow] = ()
) -> PowerLine | None:
    """Power between samples; None if the samples carry none, or cover no work.

    Work is what the joules are taken from: the windows stretched for the meter, or else the counted repetitions.
    """
    samples = reading.samples
    stride = max(1, -(-(len(samples) - 1) // MOST_STEPS))
    kept = [*samples[::stride], *([samples[-1]] if samples and (len(samples) - 1) % stride else [])]
    start = samples[0].at_ns if samples else 0
    steps = tuple(
        PowerStep(
            (a.at_ns - start) / 1e9, (b.at_ns - start) / 1e9, (b.energy_j - a.energy_j) / (b.at_ns - a.at_ns) * 1e9
        )
        for a, b in pairwise(kept)
        if b.at_ns > a.at_ns
    )
    windows = [(one.begin_ns, one.end_ns) for one in stretched if one.phase != "idle"]
    windows = windows or [(run.start_ns, run.start_ns + run.token_ns[-1]) for run in runs]
    joules = [
        (end - begin, found) for begin, end in windows if (found := joules_between(samples, begin, end)) is not None
    ]
    if not steps or not joules:
        return None
    mean = sum(found for _, found in joules) / sum(length for length, _ in joules) * 1e9
    spans = tuple(((begin - start) / 1e9, (end - start) / 1e9) for begin, end in windows)
    return PowerLine(steps, spans, mean, _idle_w(reading))


def _idle_w(reading: EnergyReading) -> float | None:
    """Mean power of both idle windows together; None if the samples do not reach over them."""
    edges = (reading.idle_before_ns, reading.idle_after_ns)
    joules = [joules_between(reading.samples, begin, end) for begin, end in edges]
    length_ns = sum(end - begin for begin, end in edges)
    known = [one for one in joules if one is not None]
    return sum(known) / length_ns * 1e9 if len(known) == len(edges) and length_ns else None


def power_chart(line: PowerLine, place: int, axes: tuple[str, str], theme: Theme) -> alt.LayerChart:
    """Seconds against watts, stretches of work shaded."""
    import altair as alt
    import pandas as pd

    rows = [{"at": step.begin_s, "watts": step.watts} for step in line.steps]
    rows.append({"at": line.steps[-1].end_s, "watts": line.steps[-1].watts})
    x_scale = alt.Scale(domain=[0, line.steps[-1].end_s], nice=False)
    y_axis = alt.Axis(title=axes[1], tickCount=4, labelFlush=False)
    shades = alt.Chart(pd.DataFrame([{"from": a, "to": b} for a, b in line.work]))
    drawn = alt.Chart(pd.DataFrame(rows)).mark_line(interpolate="step-after", strokeWidth=1.6)
    layers = [
        shades.mark_rect(color=theme.grid, opacity=0.8).encode(x=alt.X("from:Q", scale=x_scale), x2="to:Q"),
        drawn.encode(
            x=alt.X(
                "at:Q",
                scale=x_scale,
                axis=alt.Axis(title=axes[0], grid=False, tickCount=6 if theme.layout == "wide" else 4),
            ),
            y=alt.Y("watts:Q", scale=alt.Scale(zero=True), axis=y_axis),
            color=alt.value(theme.colour(place)),
        ),
    ]
    width_px = theme.plot_width_px - 48
    return alt.layer(*layers).properties(width=width_px, height=HEIGHT_PX).configure(**theme.config())
