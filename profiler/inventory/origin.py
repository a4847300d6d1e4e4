"""Where a processor comes from: its entry in the chip catalogue, if its name identifies one.

A name that fits several chips keeps every candidate, and only shared facts are stated. A processor behind a
hypervisor without an exact part name (``AMD EPYC``) is reported as a family: the catalogue does not hold every member
of a family, so not even its candidates are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from profiler.chips import Chip, ChipCatalogue, Match
from profiler.records.host import Component

KINDS = ("cpu", "accelerator")
"""Kinds of component in the catalogue."""

_SHARED = ("designer_country", "foundry", "foundry_country", "foundry_country_alt", "process_node", "memory_type")
_GIB = 1 << 30


def with_origin(component: Component, catalogue: ChipCatalogue) -> Component:
    """Add ``details["chip"]``: the catalogue's facts, and how the name was resolved.

    ``status`` is ``exact``, ``ambiguous``, ``family`` or ``unknown``. The designer's country is set from the catalogue
    if the candidates agree on it.
    """
    if component.kind not in KINDS:
        return component
    match = _match(component, catalogue)
    if component.details.get("virtual") and match.status != "exact":
        note = f"{component.note}; reported as a family: the exact part is unknown".lstrip("; ")
        return replace(component, note=note, details={**component.details, "chip": {"status": "family"}})
    shared = _shared(match.candidates)
    chip: dict[str, Any] = {"status": match.status, **_names(match), **shared}
    country = shared.get("designer_country", component.designer_country)
    return replace(component, designer_country=country, details={**component.details, "chip": chip})


def component_of(chip: Chip, source: str) -> Component:
    """Return a chip of the catalogue as a component; ``source`` says who named it."""
    known = {"status": "exact", "id": chip.id, "name": chip.name, "settled_by": "id", **_shared((chip,))}
    return Component("accelerator", chip.name, chip.vendor, chip.designer_country, {"chip": known}, source)


def _match(component: Component, catalogue: ChipCatalogue) -> Match:
    if component.kind == "cpu":
        return catalogue.match(component.name)
    total = component.details.get("total_bytes")
    memory_gb = total / _GIB if total else None
    return catalogue.match(component.name, pci_id=component.details.get("pci_id"), memory_gb=memory_gb)


def _names(match: Match) -> dict[str, Any]:
    if match.chip:
        return {"id": match.chip.id, "name": match.chip.name, "settled_by": match.how}
    if match.candidates:
        return {"candidates": [chip.id for chip in match.candidates], "advice": match.advice}
    return {"advice": match.advice}


def _shared(chips: Sequence[Chip]) -> dict[str, Any]:
    """Return the established facts of origin on which all of ``chips`` agree."""
    facts: dict[str, Any] = {}
    for name in _SHARED:
        values = [getattr(chip, name) for chip in chips]
        if values and values[0] not in (None, ()) and all(value == values[0] for value in values):
            facts[name] = list(values[0]) if isinstance(values[0], tuple) else values[0]
    return facts
