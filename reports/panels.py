"""Sections that stand beside the measured ones and are never mixed with them: a projection, say.

A panel has its own heading, colour and tables. To add one, write a function from a group to a :class:`Panel`, or to
None where it has nothing to say, and list it in :data:`PANELS`; every format of the report then shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports.comparison import Comparison, Group
from reports.grids import Grid
from reports.language import Words


@dataclass(frozen=True, slots=True)
class Panel:
    """One section: ``name`` is its anchor and CSS class, ``intro`` and ``notes`` are sentences."""

    name: str
    title: str
    intro: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...] = ()


PANELS: list[Callable[[Group, Comparison, Words], Panel | None]] = []
"""Makers of panels, in the order they are shown."""


def panels(group: Group, comparison: Comparison, say: Words) -> list[Panel]:
    """Every panel that has something to say about ``group``."""
    return [panel for make in PANELS if (panel := make(group, comparison, say)) is not None]
