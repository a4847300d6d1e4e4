"""The state of a Moore Threads board through MTML, its maker's library: power too, which ``mthreads-gmi`` prints not.

``mthreads-ml-py`` (MIT) is an extra, ``chipassay[musa]``. As its documentation has it: power in milliwatts, memory in
bytes, clocks in MHz, temperature in degrees Celsius, use in per cent. No board was at hand: the record says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.devices.monitor import Monitor, Row
from profiler.devices.screen.monitor import visible_number

MHZ = 1_000_000
VISIBLE = ("MUSA_VISIBLE_DEVICES",)
GRADE = "read as MTML's documentation has it; not seen on a board"
REMEDY = "pip install 'chipassay[musa]', and the driver of Moore Threads"


class MtmlMonitor(Monitor):
    """One board."""

    name, device_types, makers = "mtml", ("musa",), ("Moore Threads",)
    columns = ("gpu_clock_hz", "power_w", "temperature_c", "utilisation")
    slow_columns = ("memory_used_bytes", "memory_total_bytes")

    @classmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Whether MTML answers for the board."""
        try:
            cls(accelerator, environment).close()
        except MeterLostError as error:
            return MeterProbe(False, str(error), REMEDY)
        return MeterProbe(True, scope="board")

    @classmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> MtmlMonitor:
        """Open the board; MTML stays initialised until :meth:`close`."""
        return cls(accelerator, environment)

    def __init__(self, accelerator: str, environment: Mapping[str, str]) -> None:
        number = visible_number(accelerator, VISIBLE, environment)
        if isinstance(number, str):
            raise MeterLostError(number)
        try:
            self._mtml: Any = importlib.import_module("pymtml")
        except ImportError as error:
            raise MeterLostError("mthreads-ml-py is not installed") from error
        self._error: type[Exception] = self._mtml.MTMLError
        try:
            self._mtml.mtmlLibraryInit()
        except OSError as error:  # the package loads the library here
            raise MeterLostError("MTML's library, libmtml.so, cannot be loaded") from error
        except self._error as error:
            raise MeterLostError(f"MTML: {error}") from error
        try:
            self._board = self._mtml.mtmlLibraryInitDeviceByIndex(number)
            self._gpu = self._mtml.mtmlDeviceInitGpu(self._board)
            self._memory = self._mtml.mtmlDeviceInitMemory(self._board)
            self.device = {"name": str(self._mtml.mtmlDeviceGetName(self._board)), "grade": GRADE}
        except self._error as error:
            self.close()
            raise MeterLostError(f"MTML: board {number}: {error}") from error
        self.unread = {"processes": "MTML is not asked for them"}
        self._readers: dict[str, Callable[[], float]] = {
            "gpu_clock_hz": lambda: self._mtml.mtmlGpuGetClock(self._gpu) * MHZ,
            "power_w": lambda: self._mtml.mtmlDeviceGetPowerUsage(self._board) / 1000,
            "temperature_c": lambda: self._mtml.mtmlGpuGetTemperature(self._gpu),
            "utilisation": lambda: self._mtml.mtmlGpuGetUtilization(self._gpu) / 100,
            "memory_used_bytes": lambda: self._mtml.mtmlMemoryGetUsed(self._memory),
            "memory_total_bytes": lambda: self._mtml.mtmlMemoryGetTotal(self._memory),
        }
        self.look(slow=True)  # what the board does not tell is found now and asked for no more

    def look(self, *, slow: bool) -> Row:
        """Every column that this board tells."""
        wanted = (*self.columns, *self.slow_columns) if slow else self.columns
        return {column: self._one(column) for column in wanted if column not in self.unread}

    def _one(self, column: str) -> float | None:
        try:
            return float(self._readers[column]())
        except self._error as error:
            code = getattr(error, "value", None)
            if code == self._mtml.MTML_ERROR_GPU_IS_LOST:
                raise MeterLostError(f"MTML: {error}") from error
            if code == self._mtml.MTML_ERROR_NOT_SUPPORTED:
                self.unread[column] = f"MTML: {error}"
        return None

    def processes(self) -> dict[int, int | None]:
        """None are asked for."""
        return {}

    def close(self) -> None:
        """Let MTML go."""
        try:
            self._mtml.mtmlLibraryShutDown()
        except self._error:
            return
