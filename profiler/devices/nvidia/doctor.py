"""NVIDIA boards before a run: limits, clocks, heat, and other users."""

from __future__ import annotations

from typing import Any

from backends.common.nvml import NvmlUnavailableError, nvml_session
from profiler.devices.nvidia.board import ask
from profiler.devices.nvidia.monitor import CLOCK_EVENTS, THROTTLED
from profiler.host.finding import Finding, Machine


def check_boards(machine: Machine) -> list[Finding]:
    """Check every board in NVML; return nothing without one."""
    try:
        with nvml_session() as nvml:
            findings = []
            for index in range(nvml.nvmlDeviceGetCount()):
                findings += _board(nvml, index)
            return findings
    except NvmlUnavailableError:
        return []


def _board(nvml: Any, index: int) -> list[Finding]:
    title = f"board {index}"
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError as error:
        return [Finding(title, "unknown", f"NVML: {error}")]
    problems: list[Finding] = []

    def improve(found: str, remedy: str) -> None:
        problems.append(Finding(title, "improve", found, remedy))

    if ask(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle)[0]):
        improve("MIG is on: energy and telemetry cover all instances together", f"sudo nvidia-smi -i {index} -mig 0")
    if ask(nvml, lambda: nvml.nvmlDeviceGetPersistenceMode(handle)) == 0:
        improve("persistence mode is off: first use waits for the driver", f"sudo nvidia-smi -i {index} -pm 1")
    limit = ask(nvml, lambda: nvml.nvmlDeviceGetPowerManagementLimit(handle))
    usual = ask(nvml, lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle))
    if limit and usual and limit < usual:
        remedy = f"sudo nvidia-smi -i {index} -pl {usual // 1000}, or keep it and report it"
        improve(f"the power limit is {limit / 1000:g} W; the default is {usual / 1000:g} W", remedy)
    mask = int(ask(nvml, lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)) or 0) & THROTTLED
    if mask:
        named = ", ".join(name for bit, name in CLOCK_EVENTS.items() if mask & bit)
        improve(f"its clocks are reduced now: {named}", "improve cooling, and look at the power supply")
    users = ask(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or ()
    if users:
        pids = ", ".join(str(process.pid) for process in users)
        improve(f"{len(users)} processes compute on it (pid {pids})", "stop them, or choose another board")
    name = ask(nvml, lambda: nvml.nvmlDeviceGetName(handle)) or "an unnamed board"
    return problems or [Finding(title, "good", f"{name}: undivided, unshared, at its default limit")]
