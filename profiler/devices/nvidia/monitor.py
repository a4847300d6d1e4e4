"""The state of an NVIDIA board through NVML."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from backends.common.nvml import NvmlUnavailableError, nvml_session
from profiler.devices.meter import MeterProbe
from profiler.devices.monitor import LibraryMonitor
from profiler.devices.nvidia.board import BoardUnavailableError, find_board
from profiler.devices.nvidia.meter import GONE, open_board

MHZ = 1_000_000

CLOCK_EVENTS = {
    0x1: "idle",
    0x2: "clocks set by the user",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal slowdown by software",
    0x40: "thermal slowdown by hardware",
    0x80: "external power brake",
    0x100: "display clocks",
}
"""NVML's ``nvmlClocksEventReason...`` (NVML API reference)."""

THROTTLED = 0x8 | 0x20 | 0x40 | 0x80
"""The events that mean heat or an external brake."""


class NvmlMonitor(LibraryMonitor):
    """One board."""

    library, binding = "NVML", "nvidia-ml-py"

    name, device_types, makers = "nvml", ("cuda",), ("NVIDIA",)
    columns = ("sm_clock_hz", "memory_clock_hz", "temperature_c", "clock_event_reasons")
    slow_columns = ("power_limit_w", "memory_used_bytes", "memory_total_bytes", "utilisation")

    clock_event_names, throttle_events = CLOCK_EVENTS, THROTTLED

    @classmethod
    def probe(cls, accelerator: str, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether NVML answers for the board behind ``accelerator``."""
        try:
            with nvml_session() as nvml:
                find_board(nvml, accelerator, environment)
        except (NvmlUnavailableError, BoardUnavailableError) as error:
            return MeterProbe(False, str(error), error.remedy)
        return MeterProbe(True, scope="board")

    @classmethod
    def open(cls, accelerator: str, environment: Mapping[str, str]) -> NvmlMonitor:
        """Open the board; NVML stays initialised until :meth:`close`."""
        return cls(accelerator, environment)

    def __init__(self, accelerator: str, environment: Mapping[str, str]) -> None:
        self._stack = contextlib.ExitStack()
        self._nvml, board = open_board(self._stack, accelerator, environment)
        self._handle = board.handle
        self.device = board.device
        self.unread: dict[str, str] = {}
        nvml = self._nvml
        self.error, self.gone = nvml.NVMLError, tuple(getattr(nvml, name) for name in GONE)
        self.refused = (nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_NO_PERMISSION)
        self.readers = self._read_functions()
        self.look(slow=True)  # find now what the board does not support

    def _read_functions(self) -> dict[str, Callable[[], float]]:
        """Map columns to the calls that read them; NVML uses MHz, mW and per cent."""
        nvml, handle = self._nvml, self._handle
        return {
            "sm_clock_hz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * MHZ,
            "memory_clock_hz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM) * MHZ,
            "temperature_c": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "clock_event_reasons": self._clock_event_reasons,
            "power_limit_w": lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
            "memory_used_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used,
            "memory_total_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total,
            "utilisation": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
        }

    def _clock_event_reasons(self) -> int:
        """Read what NVML calls events since 2023, and throttle reasons before."""
        nvml = self._nvml
        try:
            return int(nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle))
        except (AttributeError, nvml.NVMLError):
            return int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle))

    def processes(self) -> dict[int, int | None]:
        """Return the processes with a compute context on the board."""
        if "processes" in self.unread:
            return {}
        nvml, handle = self._nvml, self._handle
        running = self.read("processes", lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle), retry=False)
        return {int(process.pid): _bytes(process.usedGpuMemory) for process in running or ()}

    def close(self) -> None:
        """Close NVML."""
        self._stack.close()


def _bytes(value: Any) -> int | None:
    """Return None if the system hides it (as Windows and some containers do)."""
    return int(value) if isinstance(value, int) and 0 <= value < 1 << 62 else None
