"""The machine a run was made on: its processor, memory and system, and what could not be read and why."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import psutil

from backends.errors import InputError
from profiler.record import Component, Host
from profiler.yaml_lines import load_located

_CPUINFO = Path("/proc/cpuinfo")
_INTERESTING_FLAGS = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8", "avx_vnni",
    "asimd", "asimddp", "sve", "sve2", "i8mm", "bf16",
)  # fmt: skip
"""Instruction-set extensions that decide how fast matrix products run."""


def read_host() -> Host:
    """Look at this machine; no privilege is needed, and what cannot be had is listed with the reason."""
    unread: dict[str, str] = {}
    processor = _processor(unread)
    memory = Component(
        "memory", "system memory", details={"total_bytes": psutil.virtual_memory().total}, source="psutil"
    )
    unread["memory modules"] = "not read: the module table (DMI) is readable by root only and absent in most containers"
    system = Component(
        "operating-system",
        _distribution(),
        details={"kernel": platform.release(), "machine": platform.machine(), "python": platform.python_version()},
        source="/etc/os-release, uname",
    )
    likeness = [processor.name, processor.details, memory.details["total_bytes"] >> 30]
    fingerprint = hashlib.sha256(msgspec.json.encode(likeness, order="sorted")).hexdigest()[:16]
    return Host(fingerprint, (processor, memory, system), unread)


def physical_cores() -> int:
    """Cores this process may use, hyper-threads counted once."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def _processor(unread: dict[str, str]) -> Component:
    info = _cpuinfo()
    vendor_id = info.get("vendor_id") or info.get("CPU implementer") or ""
    vendor = _vendors().get(vendor_id.strip())
    if vendor is None:
        unread["cpu designer"] = f"vendor identification {vendor_id!r} is not in cpu_vendors.yaml; add it there"
    flags = (info.get("flags") or info.get("Features") or "").split()
    details: dict[str, Any] = {
        "family": info.get("cpu family"),
        "model": info.get("model") or info.get("CPU part"),
        "stepping": info.get("stepping") or info.get("CPU revision"),
        "microcode": info.get("microcode"),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_processors": psutil.cpu_count(logical=True),
        "extensions": [flag for flag in _INTERESTING_FLAGS if flag in flags],
    }
    note = ""
    if "hypervisor" in flags:
        details["virtual"] = True
        note = "virtual machine: the hypervisor chose this name, and it may hide the real part"
        unread["cpu part"] = "the exact processor model is hidden by the hypervisor"
    name = info.get("model name") or platform.processor() or platform.machine() or "unknown processor"
    designer, country = vendor or (None, None)
    return Component("cpu", name, designer, country, details, source="/proc/cpuinfo", note=note)


def _cpuinfo() -> dict[str, str]:
    """The fields of the first logical processor; empty where the system has no /proc/cpuinfo."""
    try:
        first = _CPUINFO.read_text().split("\n\n", 1)[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


@cache
def _vendors() -> dict[str, tuple[str, str]]:
    """Vendor identification to (designer, country)."""
    origin = "cpu_vendors.yaml"
    root = load_located(files("profiler").joinpath(origin).read_text(), origin)
    found = {}
    for entry in root.items("vendors"):
        if not entry.value.get("sources"):
            raise InputError(f"{origin}:{entry.line}: {entry.value.get('id')!r} has no sources")
        found[entry.value["id"].strip()] = (entry.value["vendor"], entry.value["country"])
    return found


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
