"""The figures of a page: a sentence, how to read it, the drawings, and where many targets are, which were drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reports.document import notation
from reports.document.charts import bars as bar_charts
from reports.document.charts.latency import latency_chart
from reports.document.charts.power import PowerLine, power_chart, power_line
from reports.document.charts.roof import Point, RoofLine, roofline_chart
from reports.document.charts.svg import inline_svg, trusted
from reports.document.charts.theme import Layout, Theme
from reports.document.charts.waterfall import steps_between, waterfall_chart
from reports.document.language import Words
from reports.document.model import HTML, Figure
from reports.document.sections.dependence import gap_sentence, phase_name, term_key
from reports.document.sections.summary import latency_drift, latency_title, memory_title, speed_title
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.samples import counted, token_times
from reports.judge.dependence import Study
from reports.judge.dependence.study import PhaseStudy
from reports.judge.roofline import PHASES

if TYPE_CHECKING:
    import altair as alt
    from markupsafe import Markup

LAYOUTS: tuple[Layout, ...] = ("wide", "narrow")
MOST_DRAWN = 12
"""Targets in one chart: more bars than these are a wall, and the table has them all."""
MOST_POWER_LINES = 4


class GroupFigures:
    """Draws the figures of one group; ``name`` keeps ids apart on a page of many groups."""

    def __init__(self, name: str, group: Group, study: Study, say: Words) -> None:
        self.name, self.group, self.study, self.say = name, group, study, say
        self.drawn = group.conclusive[:MOST_DRAWN]

    def _figure(
        self, key: str, title: str, reading: str, draw: Callable[[Theme], alt.LayerChart], legend: Sequence[Row] = ()
    ) -> Figure:
        def drawings() -> tuple[Markup, ...]:
            with trusted():
                return tuple(
                    inline_svg(draw(Theme(layout)), f"{self.name}-{key}-{layout}", title, layout) for layout in LAYOUTS
                )

        return Figure(title, reading, drawings, tuple((row.label, row.place) for row in legend), formats=HTML)

    def speed_and_memory(self) -> list[Figure]:
        """Decode, prefill, memory and time per token."""
        say, group, made = self.say, self.group, []

        def add(key: str, title: str, reading: str, bars: Sequence[bar_charts.Bar], axis: str) -> None:
            if bars:
                draw = lambda theme: bar_charts.bar_chart(bars, axis, theme)  # noqa: E731
                made.append(self._figure(key, title, reading, draw))

        tokens = group.workload.prompt_tokens
        add("decode", speed_title(group, "decode", say), say("chart.speed_key.decode"),
            bar_charts.decode_bars(self.drawn, say), say("chart.axis.decode"))  # fmt: skip
        add("prefill", speed_title(group, "prefill", say), say("chart.speed_key.prefill"),
            bar_charts.prefill_bars(self.drawn, tokens, say), say("chart.axis.prefill"))  # fmt: skip
        add("memory", memory_title(group, say), say("chart.memory_key"),
            bar_charts.memory_bars(self.drawn, say), say("chart.axis.memory"))  # fmt: skip
        timed = [row for row in self.drawn if token_times(row.record)]
        if timed:
            reading = say.together([text for text in (latency_drift(group, say), say("chart.latency_key")) if text])
            made.append(self._figure("latency", latency_title(group, say), reading,
                                     lambda theme: latency_chart(timed, theme, say), timed))  # fmt: skip
        return made

    def waterfall(self, one: PhaseStudy) -> Figure | None:
        """Return the gap of a phase, step by step; None if there is none."""
        gap, say = one.gap, self.say
        if gap is None:
            return None
        taken = {found.label: found for found in one.factors}
        places = {row.label: row.place for row in self.study.rows}
        steps = steps_between(
            (gap.slower, places[gap.slower]), (gap.faster, places[gap.faster]),
            (taken[gap.slower].speed_tok_s, taken[gap.faster].speed_tok_s),
            [(say(f"gap.term.{term_key(term, gap, self.study)}"), term.log_ratio) for term in gap.terms],
        )  # fmt: skip
        axis = say("gap.axis" if one.phase == "decode" else "gap.axis.prefill")
        title = gap_sentence(gap, self.study, say)
        return self._figure(
            f"gap-{one.phase}", title, say("gap.key"), lambda theme: waterfall_chart(steps, axis, theme)
        )

    def roofline(self) -> Figure | None:
        """Return the points of the drawn targets under their measured roofs; None if no roof is known."""
        say, study = self.say, self.study
        roofs: dict[tuple[str, str, str], RoofLine] = {}
        points, above, nearest = [], 0, (0.0, "")
        for row in self.drawn:
            for phase in PHASES:
                place = study.positions.get((row.place, phase))
                if place is None:
                    continue
                is_above, roof = place.measured.above is not None, place.measured.roof
                if not (is_above or place.measured.bound) or not (roof.bandwidth.value and roof.compute.value):
                    continue
                share = place.measured.share.value or 0.0
                key = (row.bundle.host.fingerprint, row.record.accelerator or "cpu", roof.arithmetic)
                roofs.setdefault(key, RoofLine(row.label, roof.bandwidth.value, roof.compute.value, row.place))
                points.append(Point(row.label, place.work.intensity_flop_per_byte, place.flop_per_s, row.place,
                                    phase == "decode", is_above))  # fmt: skip
                above += is_above
                nearest = max(nearest, (share, f"{row.label} ({phase_name(phase, say)})"))
        if not points:
            return None
        under = len(points) - above
        parts = []
        if under:
            parts.append(say("roofline.title", count=under, nearest=nearest[1], share=notation.percent(nearest[0])))
        if above:
            parts.append(say("roofline.title_above", count=above))
        title = say.together(parts)
        axes = (say("roofline.axis_x"), say("roofline.axis_y"))
        labels = {point.label for point in points}
        return self._figure("roofline", title, say("roofline.key"),
                            lambda theme: roofline_chart(list(roofs.values()), points, axes, theme),
                            [row for row in self.drawn if row.label in labels])  # fmt: skip

    def power(self) -> list[Figure]:
        """Power over time of the first targets that a meter watched."""
        made: list[Figure] = []
        for row in self.drawn:
            reading, worker = row.record.energy, row.record.worker
            windows = worker.energy_windows if worker else ()
            line = power_line(reading, counted(row.record), windows) if reading else None
            if line is not None and len(made) < MOST_POWER_LINES:
                made.append(self._power_figure(row, line))
        return made

    def _power_figure(self, row: Row, line: PowerLine) -> Figure:
        say = self.say
        mean, peak, idle = (notation.with_unit(value, "W") if value is not None else notation.DASH
                            for value in (line.mean_w, line.peak_w, line.idle_w))  # fmt: skip
        title = say("title.power", label=row.label, mean=mean, peak=peak, idle=idle)
        axes = (say("chart.axis.seconds"), say("chart.axis.watts"))
        return self._figure(f"power-{row.place}", title, say("chart.power_key"),
                            lambda theme: power_chart(line, row.place, axes, theme), [row])  # fmt: skip
