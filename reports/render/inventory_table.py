"""The inventory for people: one block a part, readable at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from profiler.records.host import Component, Host
from reports.document.inventory_text import facts, headline, origin
from reports.render.terminal_table import tables

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

TITLES = {
    "cpu": "processor", "operating-system": "system", "python": "Python", "numeric-libraries": "libraries",
    "pci-device": "PCI",
}  # fmt: skip
"""Kinds of component whose title is another word."""


def inventory_table(host: Host, width: int, model_name: str | None = None) -> RenderableType:
    """Return two columns: the part, and what is known of it; what could not be read comes last."""
    from rich.text import Text

    rows: list[tuple[str, str | Text]] = [] if model_name is None else [("model", model_name)]
    for part in host.components:
        rows.append((TITLES.get(part.kind, part.kind), headline(part)))
        rows += [("", Text(line, style="dim")) for line in _lines(part)]
    rows += [("not read", f"{part_name}: {reason}") for part_name, reason in host.unread.items()]
    rows.append(("fingerprint", host.fingerprint))
    return tables(("", ""), [(Text(title, style="bold"), text) for title, text in rows], width, folded=1)[0]


def _lines(part: Component) -> Iterator[str]:
    if text := origin(part):
        yield f"catalogue: {text}"
    if part.kind != "pci-device" and (details := facts(part)):
        yield "; ".join(details)
    if part.note:
        yield f"note: {part.note}"
