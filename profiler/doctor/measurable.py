"""Which figures are available on this machine, at which grade, from which source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from profiler.devices.meters import METERS
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
    grade: Grade
    for kind in METERS:
        for accelerator in kind.candidates(environment):
            probe = kind.probe(accelerator, environment)
            how = f"{kind.name}, covers the {probe.scope}" if probe.available else f"{kind.name}: {probe.reason}"
            grade = probe.grade if probe.available else "unavailable"
            remedy = "" if probe.available else probe.remedy
            rows.append(Measurable("energy and power", accelerator or HOST, grade, how, remedy))
    wall = probe_wall_meter(os.environ.get(ENVIRONMENT, ""))
    how = f"{WALL}, sampled in parallel" if wall.available else f"{WALL}: {wall.reason}"
    grade = wall.grade if wall.available else "unavailable"
    rows.append(Measurable("energy and power", "the whole machine", grade, how, wall.remedy))
    boards = {accelerator for kind in METERS for accelerator in kind.candidates(environment) if accelerator}
    for accelerator in sorted(boards):
        kinds = [kind for kind in MONITORS if accelerator.partition(":")[0] in kind.device_types]
        absent = [kind for kind in kinds if issubclass(kind, VendorTool) and not kind.is_installed()]
        if absent:
            how = f"not on PATH: {', '.join(kind.name for kind in absent)}"
            rows.append(Measurable("state of the device", accelerator, "unavailable", how, REMEDY))
        for monitor in [kind for kind in kinds if kind not in absent]:
            probe = monitor.probe(accelerator, environment)
            how = f"{monitor.name}: clocks, heat, limits, memory, processes" if probe.available else probe.reason
            grade = "measured" if probe.available else "unavailable"
            rows.append(Measurable("state of the device", accelerator, grade, how, probe.remedy))
    for name, (path, remedy) in DISTURBANCES.items():
        if files.raw(path) is not None:
            rows.append(Measurable(f"disturbance: {name}", HOST, "measured", f"/{path}"))
        else:
            rows.append(Measurable(f"disturbance: {name}", HOST, "unavailable", files.why_not(path), remedy))
    return tuple(rows)
