"""One card as a vendor's tool describes it, with its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from profiler.devices.bus.makers import Maker
from profiler.records.host import Component


@dataclass(frozen=True, slots=True)
class Sensors:
    """The state of a card at one moment; None if the tool does not report it. ``utilisation`` lies between 0 and 1.

    ``power_scope`` says what the watts cover unless it is this card's chip alone.
    """

    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None
    utilisation: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_scope: str = ""

    def row(self) -> dict[str, float | None]:
        """Return column to figure, as monitors report them."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(Sensors) if field.name != "power_scope")
"""The figures, under the names of the telemetry columns."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the inventory, with its state when the tool was asked."""

    component: Component
    sensors: Sensors = Sensors()

    @property
    def index(self) -> int | None:
        """Its number, as the vendor's frameworks count; None if the tool prints none."""
        index = self.component.details.get("index")
        return index if isinstance(index, int) else None

    def with_power_scope(self, scope: str) -> Card:
        """Return the card whose watts cover ``scope``; unchanged if it reports no power."""
        if self.sensors.power_w is None:
            return self
        return replace(self, sensors=replace(self.sensors, power_scope=scope))


def make_card(
    tool: str, maker: Maker | None, name: str, details: Mapping[str, Any], sensors: Sensors, note: str = ""
) -> Card:
    """Return the card that ``tool`` printed. Memory size and power limit come from ``sensors``; unknown details go."""
    facts = {**details, "total_bytes": sensors.memory_total_bytes, "power_limit_w": sensors.power_limit_w}
    known = {key: value for key, value in facts.items() if value is not None}
    vendor, country = (maker.name, maker.country) if maker else (None, None)
    return Card(Component("accelerator", name, vendor, country, known, tool, note), sensors)
