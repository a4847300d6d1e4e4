"""Tables of two lines a device, in the layout that nvidia-smi made usual."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from profiler.devices.bus.makers import Maker
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers

Start = tuple[int, str, dict[str, Any]]
"""Number, name and further details of a device."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Both lines of one device, whole and in cells."""

    first: str
    second: str

    @property
    def upper(self) -> list[str]:
        """The cells of the first line."""
        return fields.cells(self.first)

    @property
    def lower(self) -> list[str]:
        """The cells of the second line."""
        return fields.cells(self.second)


@dataclass(frozen=True, slots=True)
class Table:
    """How one tool draws its table.

    ``banner`` marks the tool's own output. ``versions`` map details to patterns that are searched in the whole text.
    ``start`` reads a device's two lines, and returns None if they are not a device's; ``utilisation`` returns the cell
    that holds it.
    """

    tool: str
    maker: Maker
    banner: str
    versions: Mapping[str, str]
    start: Callable[[Lines], Start | None]
    utilisation: Callable[[Lines], str]
    limit: str = r"W\s*/"
    """The text before the power limit."""

    def cards(self, answers: Answers) -> tuple[Card, ...]:
        """Read every device: two lines count as one if the second holds a memory size."""
        text = answers.get("", "")
        return tuple(self._cards(text)) if self.banner in text else ()

    def _cards(self, text: str) -> Iterator[Card]:
        versions = {key: match[1] for key, pattern in self.versions.items() if (match := re.search(pattern, text))}
        for pair in pairwise(text.splitlines()):
            lines = Lines(*pair)
            start = self.start(lines)
            total = fields.mebibytes(lines.second, rf"\d(?:\s*MiB)?\s*/\s*{COUNT}\s*MiB")
            if start is None or total is None:
                continue
            index, name, more = start
            sensors = Sensors(
                power_w=fields.watts(lines.second, rf"{FIGURE}\s*W\s*/"),
                power_limit_w=fields.watts(lines.second, rf"{self.limit}\s*{FIGURE}\s*W"),
                temperature_c=fields.celsius(lines.second, rf"{FIGURE}\s*C\b"),
                utilisation=fields.share(self.utilisation(lines), rf"^{FIGURE}\s*%"),
                memory_used_bytes=fields.mebibytes(lines.second, rf"{COUNT}(?:\s*MiB)?\s*/\s*\d+\s*MiB"),
                memory_total_bytes=total,
            )
            details = {
                "index": index,
                "pci_address": fields.pci_address(lines.first),
                **{key: fields.known(value) for key, value in versions.items()},
                **more,
            }
            yield make_card(self.tool, self.maker, name, details, sensors)


def three_cells(first: str) -> Callable[[Lines], Start | None]:
    """Read the start of tables of three cells a line: ``first`` matches number and name, the address comes second."""
    pattern = re.compile(first, re.ASCII)

    def start(lines: Lines) -> Start | None:
        upper = lines.upper
        match = pattern.match(upper[0])
        if match is None or len(upper) < 2 or fields.pci_address(upper[1]) is None or len(lines.lower) != 3:
            return None
        return int(match[1]), match[2], {}

    return start
