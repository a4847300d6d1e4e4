"""Which figures are available on this machine, at which grade, from which source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from profiler.devices.meters import METERS, MeterProbe
from profiler.devices.monitors import MONITORS
from profiler.devices.screen.monitor import REMEDY, VendorTool
from profiler.devices.wall import ENVIRONMENT, probe_wall_meter
from profiler.devices.wall import NAME as WALL
from profiler.host.files import Files
from profiler.records.quantity import Grade

HOST = "the host's processor"

DISTURBANCES = {
    "CPU steal, other load": ("proc/stat", "run on Linux with /proc mounted"),
    "swapping": ("proc/vmstat", "run on Linux with /proc mounted"),
    "memory pressure": ("proc/pressure/memory", "boot with psi=1"),
    "waiting for a core": ("proc/self/schedstat", "a kernel with CONFIG_SCHED_INFO"),
    "clock drift": ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "run on the bare machine"),
}
"""Disturbance of the host -> the file it is read from, and how to enable it."""


@dataclass(frozen=True, slots=True)
class Measurable:
    """One kind of figure on one piece of hardware: ``how`` names the source, or the reason for its absence."""

    figure: str
    hardware: str
    grade: Grade
    how: str
    remedy: str = ""


def measurable(files: Files, environment: Mapping[str, str]) -> tuple[Measurable, ...]:
    """List every kind of figure, available or not. ``environment`` is that of a worker."""
    clock = "the monotonic clock, and CUDA events where a device times its tokens"
    rows = [
        Measurable("speed: TTFT, TPOT, throughput", "every target", "measured", clock),
        Measurable("memory of the worker", HOST, "measured", "the kernel's high-water mark (VmHWM)"),
    ]
    boards = set()
    for meter in METERS:
        for accelerator in meter.candidates(environment):
            boards.add(accelerator)
            probe = meter.probe(accelerator, environment)
            rows.append(
                _probed("energy and power", accelerator or HOST, meter.name, probe, f"covers the {probe.scope}")
            )
    wall = probe_wall_meter(os.environ.get(ENVIRONMENT, ""))
    rows.append(_probed("energy and power", "the whole machine", WALL, wall, "sampled in parallel"))
    for accelerator in sorted(filter(None, boards)):
        kinds = [kind for kind in MONITORS if accelerator.partition(":")[0] in kind.device_types]
        absent = [kind for kind in kinds if issubclass(kind, VendorTool) and not kind.is_installed()]
        if absent:
            how = f"not on PATH: {', '.join(kind.name for kind in absent)}"
            rows.append(Measurable("state of the device", accelerator, "unavailable", how, REMEDY))
        for monitor in [kind for kind in kinds if kind not in absent]:
            probe = monitor.probe(accelerator, environment)
            what = "clocks, heat, limits, memory, processes"
            rows.append(_probed("state of the device", accelerator, monitor.name, probe, what))
    for name, (path, remedy) in DISTURBANCES.items():
        if files.raw(path) is not None:
            rows.append(Measurable(f"disturbance: {name}", HOST, "measured", f"/{path}"))
        else:
            rows.append(Measurable(f"disturbance: {name}", HOST, "unavailable", files.why_not(path), remedy))
    return tuple(rows)


def _probed(figure: str, hardware: str, name: str, probe: MeterProbe, what: str) -> Measurable:
    if probe.available:
        return Measurable(figure, hardware, probe.grade, f"{name}, {what}")
    return Measurable(figure, hardware, "unavailable", f"{name}: {probe.reason}", probe.remedy)
