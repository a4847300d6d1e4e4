"""The contract of monitors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.records.readings import Polling

Row = dict[str, float | None]
"""Column to figure, the unit in the column's name; None if it could not be read this time."""


class Monitor(ABC):
    """Reports clocks, temperature, limits, memory in use and processes of one accelerator."""

    name: ClassVar[str]
    device_types: ClassVar[tuple[str, ...]]
    """The accelerators it may watch, as PyTorch calls their type."""
    columns: ClassVar[tuple[str, ...]]
    slow_columns: ClassVar[tuple[str, ...]]
    """Columns that change seldom or cost more to read; they are read less often."""

    clock_event_names: ClassVar[dict[int, str]] = {}
    """The meaning of each bit of the column ``clock_event_reasons``."""

    throttle_events: ClassVar[int] = 0
    """The bits that mean heat or an external brake."""

    makers: ClassVar[tuple[str, ...]] = ()
    """The makers of the boards it reads, as the inventory names them; empty for any."""

    device: dict[str, str]
    unread: dict[str, str]
    """Column -> why it cannot be read here."""

    polling: Polling | None = None
    """How its tool is polled; None for a library that is called directly."""

    power_scope: str = ""
    """What the watts cover where that is not this device alone."""

    caveat: str = ""
    """Why its figures deserve less trust than others'; empty where nothing is known against them."""

    read_at_ns: int | None = None
    """When the latest row was read, if that was before the call that returned it."""

    cpu_s: float = 0.0
    """Processor time in seconds spent outside of :meth:`look`."""

    @classmethod
    @abstractmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether it can read ``accelerator``."""

    @classmethod
    @abstractmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> Monitor:
        """Open the monitor, once :meth:`probe` found it available.

        Raises:
            MeterLostError: If it is no longer available.
        """

    @abstractmethod
    def look(self, *, slow: bool) -> Row | None:
        """Return the state now, with the slow columns if ``slow``; None without news since the previous look.

        Raises:
            MeterLostError: If the device is gone.
        """

    def processes(self) -> dict[int, int | None]:
        """Return the processes that compute on the device, and the bytes each holds there (None if hidden)."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Release what was opened."""


class LibraryMonitor(Monitor):
    """A monitor that calls its maker's library once a column.

    Subclasses name the ``library`` and set in ``__init__``: ``readers``, a call for each column; ``error``, the
    library's exception; ``gone``, its codes after which nothing can be read; and ``refused``, those after which a
    column is not read again.
    """

    library: ClassVar[str]
    binding: ClassVar[str]
    """The Python package, named when a function is missing from it."""
    readers: Mapping[str, Callable[[], float]]
    error: type[Exception]
    gone: tuple[int, ...]
    refused: tuple[int, ...]

    def look(self, *, slow: bool) -> Row:
        """Read every column that the board supports."""
        wanted = (*self.columns, *self.slow_columns) if slow else self.columns
        row = {column: self.read(column, self.readers[column]) for column in wanted if column not in self.unread}
        return {column: None if value is None else float(value) for column, value in row.items()}

    def read(self, column: str, reader: Callable[[], Any], *, retry: bool = True) -> Any:
        """Call ``reader``; None if it failed. ``unread`` holds the reason if it will not be called again.

        Raises:
            MeterLostError: If the board is gone.
        """
        try:
            return reader()
        except self.error as error:
            reason = f"{self.library}: {str(error).strip().lower() or type(error).__name__}"
            code = getattr(error, "value", None)
            if code in self.gone:
                raise MeterLostError(reason) from error
            if code in self.refused or not retry:
                self.unread[column] = reason
        except AttributeError:
            self.unread[column] = f"this version of {self.binding} does not read it"
        return None
