"""The sections of a report in their order, and the document that they make.

To add a section, write a function from a group and the reader's words to a :class:`Section`, or to None where it has
nothing to say, and list it in :data:`SECTIONS`. An installed package adds its own under the entry-point group
``chipassay.sections``; every format then shows them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points

from reports.document.language import ENGLISH, Words
from reports.document.model import Block, Document, GroupView, Heading, Paragraph, Part, Section, Several
from reports.document.sections.caps import MOST_LISTED
from reports.document.sections.charts import power_charts, speed_charts
from reports.document.sections.closing import closing
from reports.document.sections.dependence_tables import dependence_tables
from reports.document.sections.difference import difference
from reports.document.sections.explained import explained
from reports.document.sections.figures_table import figures_table
from reports.document.sections.gaps import gaps
from reports.document.sections.grids import Panel
from reports.document.sections.grounds import grounds
from reports.document.sections.modelled import modelled_panel
from reports.document.sections.not_measured import not_measured
from reports.document.sections.operators import operators_panel
from reports.document.sections.origins import origins
from reports.document.sections.parity import parity
from reports.document.sections.placement import placement
from reports.document.sections.projection import projection_panel
from reports.document.sections.ran import how_ran, what_ran
from reports.document.sections.rooflines import rooflines
from reports.document.sections.verdict import verdict
from reports.judge.judgement import GroupJudgement, Judgement

Maker = Callable[[GroupView, Words], Section | None]

PANELS: list[Callable[[GroupJudgement, Words], Panel | None]] = [operators_panel, modelled_panel, projection_panel]
"""Makers of what stands beside the measured sections, in the order they are shown."""

ENTRY_POINTS = "chipassay.sections"


def panels(judged: GroupJudgement, say: Words) -> list[Panel]:
    """Every panel that has something to say about the group."""
    return [panel for make in PANELS if (panel := make(judged, say)) is not None]


def _beside(view: GroupView, say: Words) -> list[Section]:
    return [_panel_section(panel, say) for panel in panels(view.judged, say)]


def _panel_section(panel: Panel, say: Words) -> Section:
    blocks: list[Block] = [Paragraph(panel.intro)]
    for grid in panel.grids:
        blocks += [Heading(grid.caption), replace(grid, kind="text prose" if grid.prose else "dense")]
    blocks.append(Several(tuple(Paragraph(note, "note") for note in panel.notes), MOST_LISTED))
    if panel.terms:
        blocks.append(explained(say, panel.terms))
    return Section(panel.name, panel.title, tuple(blocks), True, panel.terms, panel.in_terminal)


SECTIONS: list[Maker] = [
    verdict, grounds, figures_table, dependence_tables, gaps, rooflines, speed_charts, power_charts, placement, parity,
    not_measured, origins,
]  # fmt: skip
"""Makers of sections that come before the panels, in the order they are shown."""
LAST_SECTIONS: list[Maker] = [how_ran, what_ran]
"""Makers of sections that come after the panels."""


def plugged_in() -> list[Maker]:
    """Sections of installed packages, by name. One that cannot be loaded is left out, with one line on stderr."""
    found: list[Maker] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        try:
            make = point.load()
        except Exception as error:  # noqa: BLE001
            _complain(point.name, point.value, error)
            continue
        found.append(_guarded(make, point.name, point.value))
    return found


def _guarded(make: Maker, name: str, value: str) -> Maker:
    def section(view: GroupView, say: Words) -> Section | None:
        try:
            made = make(view, say)
            if made is None or isinstance(made, Section):
                return made
            raise TypeError(f"it gave a {type(made).__name__}, not a Section or None")
        except Exception as error:  # noqa: BLE001
            _complain(name, value, error)
            return None

    return section


def _complain(name: str, value: str, error: Exception) -> None:
    why = " ".join(str(error).split()) or type(error).__name__
    text = f"chipassay: the report leaves out the section {name!r} ({value}): {why}. Update or remove its package."
    print(text, file=sys.stderr)


def document(judgement: Judgement, say: Words = ENGLISH) -> Document:
    """The whole report, in the language of ``say``."""
    comparison, others = judgement.comparison, plugged_in()
    parts = tuple(_part(at, judged, others, say) for at, judged in enumerate(judgement.groups))
    count = len(comparison.groups)
    version = comparison.bundles[0].index.chipassay_version
    return Document(
        title=parts[0].title,
        unread=tuple(reason for _, reason in comparison.unread),
        banner=say("page.groups", count=count) if count > 1 else "",
        parts=parts,
        closing=closing(comparison, parts, say),
        footer=say("page.footer", version=version, count=len(comparison.bundles)),
    )


def _part(at: int, judged: GroupJudgement, others: list[Maker], say: Words) -> Part:
    view, group, comparison = GroupView(f"g{at}", judged), judged.group, judged.comparison
    made = [make(view, say) for make in SECTIONS]
    made += _beside(view, say)
    made += [make(view, say) for make in (*others, *LAST_SECTIONS)]
    title = say("page.title", model=group.model.spec.name, workload=group.workload.name)
    told = difference(comparison.groups[0], group, say) if at else ""
    return Part(title, told, tuple(one for one in made if one is not None), frozenset(group.ids))
