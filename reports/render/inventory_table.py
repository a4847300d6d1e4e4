"""The inventory for people: one block a part, readable at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from profiler.records.host import Component, Host
from reports.document.inventory_text import facts, headline, origin

if TYPE_CHECKING:
    from rich.table import Table

TITLES = {
    "cpu": "processor", "operating-system": "system", "python": "Python", "numeric-libraries": "libraries",
    "pci-device": "PCI",
}  # fmt: skip
"""Kinds of component whose title is another word."""


def inventory_table(host: Host, model_name: str | None = None) -> Table:
    """Two columns: the part, and what is known of it; what could not be read comes last."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, expand=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    if model_name is not None:
        table.add_row("model", Text(model_name))
    for part in host.components:
        table.add_row(TITLES.get(part.kind, part.kind), Text(headline(part)))
        for line in _lines(part):
            table.add_row("", Text(line, style="dim"))
    for part_name, reason in host.unread.items():
        table.add_row("not read", Text(f"{part_name}: {reason}"))
    table.add_row("fingerprint", Text(host.fingerprint))
    return table


def _lines(part: Component) -> Iterator[str]:
    if text := origin(part):
        yield f"catalogue: {text}"
    if part.kind != "pci-device" and (details := facts(part)):
        yield "; ".join(details)
    if part.note:
        yield f"note: {part.note}"
