"""Sections that stand beside the measured ones and are never mixed with them: a projection, say.

A panel has its own heading, colour and tables. To add one, write a function from a judged group to a :class:`Panel`, or
to None where it has nothing to say, and list it in :data:`PANELS`; every format of the report then shows it.
"""

from __future__ import annotations

from collections.abc import Callable

from reports.document.language import Words
from reports.document.sections.grids import Panel
from reports.document.sections.modelled import modelled_panel
from reports.document.sections.operators import operators_panel
from reports.document.sections.projection import projection_panel
from reports.judge.judgement import GroupJudgement

__all__ = ["PANELS", "Panel", "panels"]

PANELS: list[Callable[[GroupJudgement, Words], Panel | None]] = [operators_panel, modelled_panel, projection_panel]
"""Makers of panels, in the order they are shown."""


def panels(judged: GroupJudgement, say: Words) -> list[Panel]:
    """Every panel that has something to say about the group."""
    return [panel for make in PANELS if (panel := make(judged, say)) is not None]
