"""The state of a Moore Threads board through MTML, its maker's library: power too, which ``mthreads-gmi`` prints not.

``mthreads-ml-py`` (MIT) is an extra, ``chipassay[musa]``. As its documentation has it: power in milliwatts, memory in
bytes, clocks in MHz, temperature in degrees Celsius, use in per cent. No board was at hand: the record says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from profiler.devices.meter import MeterLostError, MeterProbe
from profiler.devices.monitor import LibraryMonitor
from profiler.devices.screen.visible import visible_number

MHZ = 1_000_000
VISIBLE = ("MUSA_VISIBLE_DEVICES",)
CAVEAT = "read as MTML's documentation has it; not seen on a board"
REMEDY = "pip install 'chipassay[musa]', and the driver of Moore Threads"


class MtmlMonitor(LibraryMonitor):
    """One board."""

    library, binding = "MTML", "mthreads-ml-py"
    caveat = CAVEAT

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
        self.error = self._mtml.MTMLError
        try:
            self._mtml.mtmlLibraryInit()
        except OSError as error:  # the package loads the library here
            raise MeterLostError("MTML's library, libmtml.so, cannot be loaded") from error
        except self.error as error:
            raise MeterLostError(f"MTML: {error}") from error
        try:
            self._board = self._mtml.mtmlLibraryInitDeviceByIndex(number)
            self._gpu = self._mtml.mtmlDeviceInitGpu(self._board)
            self._memory = self._mtml.mtmlDeviceInitMemory(self._board)
            self.device = {"name": str(self._mtml.mtmlDeviceGetName(self._board))}
        except self.error as error:
            self.close()
            raise MeterLostError(f"MTML: board {number}: {error}") from error
        self.unread = {"processes": "MTML is not asked for them"}
        self.gone = (self._mtml.MTML_ERROR_GPU_IS_LOST,)
        self.refused = (self._mtml.MTML_ERROR_NOT_SUPPORTED,)
        self.readers = {
            "gpu_clock_hz": lambda: self._mtml.mtmlGpuGetClock(self._gpu) * MHZ,
            "power_w": lambda: self._mtml.mtmlDeviceGetPowerUsage(self._board) / 1000,
            "temperature_c": lambda: self._mtml.mtmlGpuGetTemperature(self._gpu),
            "utilisation": lambda: self._mtml.mtmlGpuGetUtilization(self._gpu) / 100,
            "memory_used_bytes": lambda: self._mtml.mtmlMemoryGetUsed(self._memory),
            "memory_total_bytes": lambda: self._mtml.mtmlMemoryGetTotal(self._memory),
        }
        self.look(slow=True)  # find now what the board does not support

    def close(self) -> None:
        """Let MTML go."""
        try:
            self._mtml.mtmlLibraryShutDown()
        except self.error:
            return
