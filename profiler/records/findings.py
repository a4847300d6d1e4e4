"""Components of the machine, and the parts that could not be read with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from profiler.records.host import Component


@dataclass(frozen=True, slots=True)
class Findings:
    """Components found, and part -> why it could not be read; nothing is ever left out silently."""

    components: tuple[Component, ...] = ()
    unread: dict[str, str] = field(default_factory=dict)


def merge(parts: Iterable[Findings]) -> Findings:
    """Return all findings in the order given; of two reasons for one part the later stands."""
    components: list[Component] = []
    unread: dict[str, str] = {}
    for part in parts:
        components.extend(part.components)
        unread.update(part.unread)
    return Findings(tuple(components), unread)
