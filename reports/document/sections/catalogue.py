"""The sections of a report in their order, and the document that they make.

To add a section, write a function from a group and the reader's words to a :class:`Section`, or to None where it has
nothing to say, and list it in :data:`SECTIONS`. An installed package adds its own under the entry-point group
``chipassay.sections``; every format then shows them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points

from reports.document.language import ENGLISH, Words
from reports.document.model import Document, GroupView, Part, Section
from reports.document.sections.charts import power_charts, speed_charts
from reports.document.sections.closing import closing
from reports.document.sections.comparison import comparison
from reports.document.sections.dependence_tables import dependence_tables
from reports.document.sections.depth import depth
from reports.document.sections.difference import difference
from reports.document.sections.gaps import gaps
from reports.document.sections.grounds import grounds
from reports.document.sections.inputs import answer, picture, turns
from reports.document.sections.mixture import mixtures
from reports.document.sections.modelled import modelled
from reports.document.sections.not_measured import not_measured
from reports.document.sections.operators import operators
from reports.document.sections.origins import origins
from reports.document.sections.parity import parity
from reports.document.sections.placement import placement
from reports.document.sections.projection import projection
from reports.document.sections.ran import how_ran, what_ran
from reports.document.sections.roofline import rooflines
from reports.document.sections.verdict import verdict
from reports.judge.judgement import GroupJudgement, Judgement

Maker = Callable[[GroupView, Words], Section | None]

SECTIONS: list[Maker] = [
    verdict, grounds, picture, answer, turns, comparison, depth, dependence_tables, gaps, rooflines, mixtures,
    speed_charts, power_charts, placement, parity, not_measured, origins, operators, modelled, projection, how_ran,
    what_ran,
]  # fmt: skip
"""Makers of the sections of a group, in the order they are shown."""

ENTRY_POINTS = "chipassay.sections"
_BEFORE = how_ran
"""Sections of installed packages stand before this one."""


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
    """Return the whole report, in the language of ``say``."""
    compared, others = judgement.comparison, plugged_in()
    parts = tuple(_part(at, judged, others, say) for at, judged in enumerate(judgement.groups))
    count = len(compared.groups)
    version = compared.bundles[0].index.chipassay_version
    return Document(
        title=parts[0].title,
        unread=tuple(reason for _, reason in compared.unread),
        banner=say("page.groups", count=count) if count > 1 else "",
        parts=parts,
        closing=closing(compared, parts, say),
        footer=say("page.footer", version=version, count=len(compared.bundles)),
    )


def _part(at: int, judged: GroupJudgement, others: list[Maker], say: Words) -> Part:
    view, group = GroupView(f"g{at}", judged), judged.group
    last = SECTIONS.index(_BEFORE)
    made = [make(view, say) for make in (*SECTIONS[:last], *others, *SECTIONS[last:])]
    title = say("page.title", model=group.model.spec.name, workload=group.workload.name)
    apart = difference(judged.comparison.groups[0], group, say) if at else ""
    return Part(title, apart, tuple(section for section in made if section is not None), frozenset(group.ids))
