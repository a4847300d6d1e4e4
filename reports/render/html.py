"""``report.html``: one file that opens anywhere, offline; charts are inline SVG, and the page runs no script.

This module turns a :class:`Judgement` into plain strings; ``templates/`` only places them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiler.metrics.catalogue import METRICS
from profiler.statistics.medians import MIN_FOR_INTERVAL
from reports.document import notation
from reports.document.charts.theme import DASHES, PALETTE, palette_css
from reports.document.language import ENGLISH, Words
from reports.document.sections import grids, provenance
from reports.document.sections.brief import brief
from reports.document.sections.catalogue import panels
from reports.document.sections.comparison import SPEED, Table, comparison_table
from reports.document.sections.figures import MOST_DRAWN, GroupFigures
from reports.document.sections.operators import dependence_grid as operator_grid
from reports.document.sections.roofline import verdict_of
from reports.document.sections.summary import what_ran
from reports.judge.comparison.comparison import Group, Row, difference
from reports.judge.judgement import GroupJudgement, Judgement

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
MOST_CARDS = 6
MOST_LISTED = 12
"""Rows of a table before the rest is folded away."""
MOST_HELD = 600
"""Rows, targets or machines that the page holds at all: it must open. How many it leaves to the data is said."""
MOST_READINGS = 6
"""Targets whose roofline is read out before the rest is folded away."""
MOST_OPEN = 3
"""Targets or machines whose details stand open; more of them are folded."""

TERMS = (
    "target", "phase", "interval", "relative", "grade", "parity", "kl", "ceiling", "roofline", "intensity", "dt", "de",
    "restricted", "indeterminate", "silicon", "digest", "disturbed",
)  # fmt: skip
"""Terms of the page that are no metrics, in the order of the list that explains them."""


_WORD = re.compile(r"[\w@:.-]*\w", re.ASCII)
"""What a target's id looks like: one among ten thousand is found by looking the word up."""


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


def render_html(judgement: Judgement, say: Words = ENGLISH) -> str:
    """The whole page, in the language of ``say``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    comparison = judgement.comparison
    first = comparison.groups[0]
    environment.globals.update(
        say=say, notation=notation, provenance=provenance, swatch=_swatch, line_style=_line_style,
        whole=_keep_names_whole, most_open=MOST_OPEN, most_listed=MOST_LISTED, most_readings=MOST_READINGS,
        most_held=MOST_HELD,
        metrics=METRICS, comparison=comparison,
        term_text=lambda name: _term_text(name, say),
    )  # fmt: skip
    sections = [_section(at, judged, say) for at, judged in enumerate(judgement.groups)]
    own_terms = [name for section in sections for panel in section["panels"] for name in panel.terms]
    return environment.get_template("report.html.j2").render(
        title=say("page.title", model=first.model.spec.name, workload=first.workload.name),
        sections=sections,
        terms=tuple(dict.fromkeys([*TERMS, *own_terms])),
        palettes={scheme: palette_css(scheme) for scheme in PALETTE},
        version=comparison.bundles[0].index.chipassay_version,
    )


def _term_text(name: str, say: Words) -> str:
    values = {"minimum": MIN_FOR_INTERVAL} if name == "interval" else {}
    return say(f"term.{name}.text", **values)


def _section(at: int, judged: GroupJudgement, say: Words) -> dict[str, Any]:
    """What the page shows of one group."""
    group, comparison, study = judged.group, judged.comparison, judged.study
    name = f"g{at}"
    drawings = GroupFigures(name, group, study, say)
    rows = group.conclusive
    decode_first = sorted(study.phases, key=lambda one: one.phase)
    return {
        "name": name,
        "group": group,
        "study": study,
        "difference": difference(comparison.groups[0], group, say) if at else "",
        "ran": what_ran(group, comparison, say),
        "brief": brief(judged, say),
        "cards": _cards(group, say),
        "cards_capped": _capped("page.cards_capped", MOST_CARDS, rows, say),
        "table": comparison_table(group, say),
        "columns": _columns(comparison_table(group, say)),
        "dependence": grids.dependence_grid(study, say),
        "operators": operator_grid(group.rows, say),
        "feasible": grids.feasible_sentences(group, study, say, MOST_LISTED),
        "matches": grids.match_grid(study, say),
        "standing": grids.standing_grid(rows, study, comparison, say),
        "gaps": [
            {
                "figure": drawings.waterfall(one),
                "grid": grids.gap_grid(one.gap, study, say) if one.gap else None,
                "factors": grids.factors_grid(one, say, len(one.factors)),
                "none": grids.no_gap_text(one, say),
            }
            for one in decode_first
        ],
        "roofline": drawings.roofline(),
        "roofline_grid": grids.roofline_grid(rows, study, say),
        "roofline_verdicts": [(row, verdict_of(row, study, group, say)) for row in rows[:MOST_HELD]],
        "figures": drawings.speed_and_memory(),
        "power": drawings.power(),
        "placements": [grid for row in rows if (grid := grids.placement_grid(row, say))],
        "origin": grids.origin_grid(rows, study, say),
        "origin_sources": grids.origin_sources(rows, study),
        "panels": panels(judged, say),
        "not_drawn": _not_drawn(group, say),
        "capped": _capped("page.capped", MOST_DRAWN, rows, say),
    }  # fmt: skip


def _columns(table: Table) -> list[tuple[str, list[int]]]:
    """Columns of the comparison by table, as positions in its metrics: speed, then memory and energy."""
    speed = [at for at, metric in enumerate(table.metrics) if metric.name in SPEED]
    rest = [at for at in range(len(table.metrics)) if at not in speed]
    return [(name, columns) for name, columns in (("speed", speed), ("resources", rest)) if columns]


def _not_drawn(group: Group, say: Words) -> str:
    left_out = [f"{row.label} ({say(f'status.{row.record.status}')})" for row in group.rows if not row.conclusive]
    return say("page.not_drawn", who=say.listing(left_out)) if 0 < len(left_out) <= MOST_LISTED else ""


def _capped(key: str, most: int, rows: tuple[Row, ...], say: Words) -> str:
    return say(key, count=most, all=len(rows)) if len(rows) > most else ""


def _cards(group: Group, say: Words) -> list[Card]:
    cards = []
    for row in group.conclusive[:MOST_CARDS]:
        figure, share = row.metric("decode_throughput"), row.metric("mbu")
        value, _, unit = notation.quantity(figure).rpartition(notation.THIN_SPACE)
        known = share.value is not None
        text = say("page.of_bandwidth", share=notation.quantity(share)) if known else share.method
        percent = None if share.value is None else min(100.0, 100.0 * share.value)
        cards.append(Card(row, value, unit, notation.interval(figure), percent, text))
    return cards


def _swatch(row: Row) -> str:
    """The CSS custom property with the target's colour."""
    return f"--c:var(--t{row.place % len(PALETTE['light'])})"


def _line_style(row: Row) -> str:
    """The CSS border style that stands for the line pattern of the target."""
    dash = DASHES[row.place // len(PALETTE["light"]) % len(DASHES)]
    return {1: "solid", 5: "dashed", 2: "dotted"}[dash[0]]


def _keep_names_whole(text: str, group: Group) -> Markup:
    """``text`` escaped; every target's id in a span, so that the page does not break it at its hyphens."""
    from markupsafe import Markup

    whole = Markup('<span class="id">{}</span>')
    parts, end = [], 0
    for word in _WORD.finditer(text):
        if word[0] in group.ids:
            parts += [_with_symbols(text[end : word.start()]), whole.format(word[0])]
            end = word.end()
    return Markup("").join([*parts, _with_symbols(text[end:])])


def _with_symbols(text: str) -> Markup:
    """``text`` escaped, intervals kept on one line, D_T and D_E set as symbols that lead to their explanation."""
    from markupsafe import Markup, escape

    symbol = Markup('<a class="term" href="#term-d{}">D<sub>{}</sub></a>')
    unbroken = re.sub(r"(?<=\d)–(?=\d)", "\u2060–\u2060", text)
    parts = re.split(r"D_([TE])", unbroken)
    return Markup("").join(
        symbol.format(part.lower(), part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
