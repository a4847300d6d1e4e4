"""One card as a vendor's tool describes it, with its state."""

from __future__ import annotations

from dataclasses import dataclass, fields

from profiler.records.host import Component


@dataclass(frozen=True, slots=True)
class Sensors:
    """The state of a card at one moment; None if the tool does not report it. The share ``utilisation`` lies in 0 to 1.

    ``power_scope`` says what the watts cover where that is not this card's chip alone.
    """

    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None
    utilisation: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_scope: str = ""

    def row(self) -> dict[str, float | None]:
        """Column to figure, as monitors report them."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(Sensors) if field.name != "power_scope")
"""The figures, named as the columns of telemetry are."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the inventory, with its state when the tool was asked."""

    component: Component
    sensors: Sensors = Sensors()

    @property
    def index(self) -> int | None:
        """Its number, as the vendor's frameworks count; None where the tool gives none."""
        index = self.component.details.get("index")
        return index if isinstance(index, int) else None
