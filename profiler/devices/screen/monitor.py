"""The state of an accelerator through its maker's program: :func:`monitor_of` makes one monitor a program.

:class:`profiler.devices.screen.tool.Tool` says how to ask and read a program. A figure it does not print becomes
a reason in the record, never an estimate; the record says how often the program ran and how long a call took.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.devices.monitor import Monitor, Row
from profiler.devices.screen.card import COLUMNS, Card
from profiler.devices.screen.poller import MOST_FAILURES, Poller
from profiler.devices.screen.program import Call, call
from profiler.devices.screen.tool import Tool
from profiler.devices.screen.visible import visible_number
from profiler.records.readings import Polling

REMEDY = "install the maker's driver with its tools on PATH, or pass them into the container"


@dataclass(frozen=True, slots=True)
class _Found:
    """A device, the question that reports its state, the answers to the others, and the call that found the device."""

    card: Card
    question: str
    told: dict[str, str]
    call: Call


class VendorTool(Monitor):
    """One device of one maker."""

    tool: ClassVar[Tool]
    columns, slow_columns = COLUMNS, ()

    @classmethod
    def is_installed(cls) -> bool:
        """Whether the program is on PATH."""
        return shutil.which(cls.tool.name) is not None

    @classmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether the program is installed and lists the device."""
        found = cls._find(accelerator, environment)
        if isinstance(found, str):
            return MeterProbe(False, found, REMEDY)
        return MeterProbe(True, scope=found.card.component.name)

    @classmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> VendorTool:
        """Start polling, after one call that shows what the program prints for the device."""
        found = cls._find(accelerator, environment)
        if isinstance(found, str):
            raise MeterLostError(found)
        return cls(found)

    def __init__(self, found: _Found) -> None:
        self._question, self._told = found.question, found.told
        self._index, self._name = found.card.index, found.card.component.name
        self._seen: set[str] = set()
        self._failures = 0
        self.device = _identity(found.card)
        self._poller = Poller(self._ask, found.call)
        self._describe()

    @classmethod
    def _find(cls, accelerator: str, environment: Mapping[str, str]) -> _Found | str:
        """Return the device behind ``accelerator``, or why it is unknown."""
        if not cls.is_installed():
            return f"{cls.tool.name} is not on PATH"
        wanted = visible_number(accelerator, cls.tool.visible, environment)
        if isinstance(wanted, str):
            return wanted
        told = {
            question: call([cls.tool.name, *question.split()]).text
            for question in cls.tool.questions
            if question in cls.tool.numbered_by
        }
        why = ""
        for question in cls.tool.watched:
            heard = call([cls.tool.name, *question.split()])
            cards = cls.tool.cards({**told, question: heard.text})
            same = [card for card in cards if card.index == wanted]
            if len(same) == 1 and any(value is not None for value in same[0].sensors.row().values()):
                return _Found(same[0], question, told, heard)
            why = why or _why(cls.tool.name, heard, cards, wanted)
        return why

    def _ask(self) -> Call:
        return call([self.tool.name, *self._question.split()])

    def _describe(self) -> None:
        """Refresh how it is polled, what its watts cover and what the tool does not print for this device."""
        poller, tool = self._poller, self.tool.name
        command = f"{tool} {self._question}".strip()
        self.polling = Polling(command, poller.period_s, poller.call_s, poller.calls, poller.failed)
        missing = {name: f"{tool} prints none for this device" for name in COLUMNS if name not in self._seen}
        self.unread = {**missing, "processes": f"chipassay does not ask {tool} for them"}
        self.cpu_s = poller.cpu_s

    def look(self, *, slow: bool) -> Row | None:
        """Return each new state once; a failed call yields a row of None."""
        del slow
        heard = self._poller.take()
        if heard is None:
            return None
        self.read_at_ns = heard.at_ns
        row = self._row(heard)
        self._describe()
        return row

    def _row(self, heard: Call) -> Row:
        same = [
            card
            for card in self.tool.cards({**self._told, self._question: heard.text})
            if (card.index, card.component.name) == (self._index, self._name)
        ]
        if len(same) != 1:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise MeterLostError(f"{self.tool.name}: {heard.failure or 'it no longer lists the device'}")
            return dict.fromkeys(COLUMNS)
        self._failures = 0
        row = same[0].sensors.row()
        self._seen.update(name for name, value in row.items() if value is not None)
        self.power_scope = same[0].sensors.power_scope or self.power_scope
        return row

    def close(self) -> None:
        """Stop polling."""
        self._poller.close()


def monitor_of(tool: Tool) -> type[VendorTool]:
    """Return the monitor that polls ``tool``."""
    members = {
        "__doc__": f"The state of one device through ``{tool.name}``.",
        "tool": tool,
        "name": tool.name,
        "device_types": tool.device_types,
        "makers": (tool.maker.name, *tool.also_of),
    }
    return type(f"VendorTool_{tool.name}", (VendorTool,), members)


def _identity(card: Card) -> dict[str, str]:
    """Return name, maker, number and address; no serial number leaves the machine."""
    part = card.component
    identity = {"name": part.name, "maker": part.vendor or "not known", "index": str(card.index)}
    address = part.details.get("pci_address")
    return {**identity, **({"pci_address": str(address)} if address else {})}


def _why(name: str, heard: Call, cards: tuple[Card, ...], wanted: int) -> str:
    if heard.failure:
        return f"{name}: {heard.failure}"
    if not cards:
        return f"the output of {name} has no device in a known format"
    indexes = [str(card.index) for card in cards if card.index is not None]
    if str(wanted) in indexes:
        return f"{name} reports no state of device {wanted}, or lists it more than once"
    return f"{name} lists no device {wanted}; it lists {', '.join(indexes) or 'none with a number'}"
