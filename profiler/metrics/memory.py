"""Peak memory, by each of the accounts there are: they mean different things, and each is named."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from backends.contract.backend import DeviceMemory
from profiler.metrics.contract import Context, Metric
from profiler.records.quantity import Quantity
from profiler.records.target import Measured

IN_HOST_MEMORY = "the model is in the host's memory: see Peak memory"


class PeakMemory(Metric):
    """The worker's high-water mark."""

    name, title, unit, better = "peak_memory", "Peak memory", "B", "lower"
    definition = (
        "The kernel's high-water mark of the worker's resident set (VmHWM): weights, cache, activations, engine and "
        "interpreter, mapped file pages included; exports and compilations ran in another process."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """One reading."""
        return Quantity(float(measured.worker.memory.peak_resident_bytes), self.unit, "measured", "VmHWM", 1)


class PeakDeviceMemory(Metric):
    """What the whole accelerator had in use."""

    name, title, unit, better = "peak_device_memory", "Device memory", "B", "lower"
    column = "where known"
    definition = (
        "The most of the accelerator's memory that was in use, by sampling: of the whole device, the driver's own "
        "part, the probe of its ceilings and other processes included. A short peak may fall between two samples."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Highest of the samples."""
        if context.accelerator is None:
            return Quantity.unavailable(self.unit, IN_HOST_MEMORY)
        seen = measured.telemetry
        if seen is None:
            return Quantity.unavailable(self.unit, measured.telemetry_reason)
        if "memory_used_bytes" not in seen.extremes:
            why = seen.unread.get("memory_used_bytes", "it was not sampled")
            return Quantity.unavailable(self.unit, f"{seen.source} does not tell the memory in use: {why}")
        method = f"{seen.source}: memory in use of the whole device, highest of {seen.samples_taken} looks"
        return Quantity(seen.extremes["memory_used_bytes"][1], self.unit, "measured", method, 1)


class _AllocatorMemory(Metric):
    """A high-water mark of the engine's allocator on the device."""

    unit, better, column = "B", "lower", "details"
    account: ClassVar[str]

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """One reading."""
        if context.accelerator is None:
            return Quantity.unavailable(self.unit, IN_HOST_MEMORY)
        memory = measured.worker.device_memory
        if memory is None:
            return Quantity.unavailable(self.unit, "the engine's allocator keeps no such account")
        return Quantity(float(self._bytes(memory)), self.unit, "measured", f"allocator: {self.account}", 1)

    @abstractmethod
    def _bytes(self, memory: DeviceMemory) -> int:
        """Return the account this figure shows."""


class PeakAllocatedMemory(_AllocatorMemory):
    """What tensors held."""

    name, title, account = "peak_allocated_memory", "Allocated memory", "most that tensors held"
    definition = (
        "The most device memory that the engine's tensors held at one time, by its allocator, loading included."
    )

    def _bytes(self, memory: DeviceMemory) -> int:
        return memory.peak_allocated_bytes


class PeakReservedMemory(_AllocatorMemory):
    """What the allocator had taken."""

    name, title, account = "peak_reserved_memory", "Reserved memory", "most that it had taken from the device"
    definition = "The most device memory that the engine's allocator had taken for its tensors, used or kept ready."

    def _bytes(self, memory: DeviceMemory) -> int:
        return memory.peak_reserved_bytes
