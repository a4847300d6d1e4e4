"""What a monitor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from profiler.devices.meter import MeterProbe

Row = dict[str, float | None]
"""Column to figure, the unit in the column's name; None where it could not be read this time."""


class Monitor(ABC):
    """Tells clocks, temperature, limits, memory in use and processes of one accelerator."""

    name: ClassVar[str]
    device_types: ClassVar[tuple[str, ...]]
    """The accelerators it may watch, as PyTorch calls their type."""
    columns: ClassVar[tuple[str, ...]]
    slow_columns: ClassVar[tuple[str, ...]]
    """Those that change seldom or cost more to read; they are read less often."""

    clock_event_names: ClassVar[dict[int, str]] = {}
    """What each bit of the column ``clock_event_reasons`` stands for."""

    throttle_events: ClassVar[int] = 0
    """The bits among them that stand for heat or an external brake."""

    makers: ClassVar[tuple[str, ...]] = ()
    """The makers of the boards it reads, as :mod:`profiler.inventory` names them; empty for any."""

    device: dict[str, str]
    unread: dict[str, str]
    """Column -> why it cannot be read here."""

    read_at_ns: int | None = None
    """When the row that was looked at last was read, where that was not just now."""

    cpu_s: float = 0.0
    """Processor time in seconds that watching took outside of :meth:`look`."""

    @classmethod
    @abstractmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Whether it can tell anything about ``accelerator``."""

    @classmethod
    @abstractmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> Monitor:
        """The monitor, after :meth:`probe` said that it is available.

        Raises:
            MeterLostError: If it is so no longer.
        """

    @abstractmethod
    def look(self, *, slow: bool) -> Row | None:
        """The state now; ``slow`` asks for the slow columns too. None where nothing is known since the look before.

        Raises:
            MeterLostError: If the device is gone.
        """

    @abstractmethod
    def processes(self) -> dict[int, int | None]:
        """Processes that compute on the device, and the bytes each holds there (None where that is hidden)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what was opened."""
