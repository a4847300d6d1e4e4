"""Our joules beside Zeus', over the same work on the same board: a check for machines that have both.

Zeus reads the same counter at the edges of a window, so the two may differ by what the counter's step leaves open at
the edges of both, and by nothing more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from profiler.devices.metering.stream import MeterStream
from profiler.devices.nvidia.meter import Nvml
from profiler.energy.window import WindowEnergy, window_energy

WINDOW = "chipassay"


@dataclass(frozen=True, slots=True)
class ZeusComparison:
    """One window, measured twice."""

    ours: WindowEnergy
    zeus_j: float
    zeus_s: float
    generations: int

    @property
    def difference(self) -> float:
        """Zeus' joules less ours, as a part of ours."""
        return self.zeus_j / self.ours.energy_j - 1

    @property
    def agrees(self) -> bool:
        """Within what the counter's step leaves open for both."""
        return abs(self.zeus_j - self.ours.energy_j) <= 2 * self.ours.error_j


def compare_with_zeus(work: Callable[[], object], accelerator: str, seconds: float) -> ZeusComparison | str:
    """Repeat ``work`` for ``seconds`` under our meter and Zeus' at once; or say why that cannot be done.

    ``work`` must return when the device is done. Raises :class:`NoEnergyError` if our meter gave none.
    """
    if find_spec("zeus") is None or find_spec("zeus.monitor") is None:
        return "zeus is not installed: pip install zeus"
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
    probe = Nvml.probe(accelerator, environment)
    if not probe.available or probe.grade != "measured":
        return f"no energy counter to compare with: {probe.reason or 'the board only tells power'}"
    stream = MeterStream(Nvml.open(accelerator, environment))
    try:
        number = int(accelerator.partition(":")[2] or 0)
        monitor = import_module("zeus.monitor").ZeusMonitor(gpu_indices=[number])
        stream.find_update_period()
        work()
        stream.sample()
        monitor.begin_window(WINDOW)
        begin_ns, generations = time.perf_counter_ns(), 0
        while time.perf_counter_ns() - begin_ns < seconds * 1e9:
            work()
            generations += 1
            stream.sample()
        end_ns = time.perf_counter_ns()
        stream.sample()
        found = monitor.end_window(WINDOW)
        reading = stream.reading((begin_ns, end_ns), (begin_ns, end_ns), ())
        ours = window_energy(reading, begin_ns, end_ns)
        return ZeusComparison(ours, float(found.gpu_energy[number]), float(found.time), generations)
    finally:
        stream.meter.close()
