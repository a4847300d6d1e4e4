"""The processor in the kernel's description: identity, instruction sets, topology, caches and NUMA nodes."""

from __future__ import annotations

import platform
from typing import Any

import psutil

from profiler.devices.bus.makers import arm_core, cpu_vendor
from profiler.host.files import Files
from profiler.inventory.smbios import TABLE, processor_names
from profiler.records.findings import Findings
from profiler.records.host import Component

EXTENSIONS = (
    "avx", "fma", "f16c", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_bf16", "amx_int8", "amx_fp16", "avx_vnni", "avx_vnni_int8", "avx_ifma",
    "asimd", "asimdhp", "asimddp", "sve", "sve2", "i8mm", "bf16", "svei8mm", "svebf16", "sme", "sme2",
    "lsx", "lasx",
)  # fmt: skip
"""Instruction-set extensions that determine the speed of matrix products, named as in /proc/cpuinfo."""

_SYSTEM = "sys/devices/system"
_SIZE_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def read_processor(files: Files) -> Findings:
    """Read the processor; ``unread`` lists what the system or a hypervisor hides."""
    blocks = _cpuinfo(files)
    info = blocks[0] if blocks else {}
    unread: dict[str, str] = {}
    if not blocks:
        unread["cpu"] = f"mostly unknown: {files.why_not('proc/cpuinfo')}"
    flags = (info.get("flags") or info.get("features") or "").split()
    implementer = info.get("cpu implementer", "")
    part = info.get("cpu part", "")
    details: dict[str, Any] = {
        "isa": platform.machine(),
        "family": info.get("cpu family"),
        "model": info.get("model") or part or info.get("marchid"),
        "stepping": info.get("stepping") or info.get("cpu revision"),
        "microcode": info.get("microcode"),
        "sockets": _sockets(blocks),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_processors": psutil.cpu_count(logical=True),
        "extensions": [flag for flag in EXTENSIONS if flag in flags],
        "caches": _caches(files),
        "numa_nodes": _numa_nodes(files),
    }
    if info.get("isa"):
        details["riscv_isa"] = info["isa"]
    for key, what in (("microcode", "cpu microcode"), ("caches", "cpu caches"), ("numa_nodes", "NUMA nodes")):
        if not details[key]:
            unread[what] = "the kernel does not expose it here"
    note = ""
    if "hypervisor" in flags:
        details["virtual"] = True
        note = "virtual machine: the hypervisor chose this name, which may hide the real part"
        unread["cpu part"] = "the exact processor model is hidden by the hypervisor"
    identification = info.get("vendor_id") or implementer or info.get("mvendorid") or info.get("cpu family", "")
    vendor = cpu_vendor(identification)
    if vendor is None:
        unread["cpu designer"] = f"vendor identification {identification!r} is not in cpu_vendors.yaml; add it there"
    name = info.get("model name")
    if name is None and (names := processor_names(files.raw(TABLE) or b"")):
        name = names[0]
    elif name is None and (name := arm_core(implementer, part)):
        note = note or "name of the core; only the firmware's table, which only root may read, names the chip"
    name = name or platform.processor() or platform.machine() or "unknown processor"
    country = vendor.country if vendor else None
    component = Component("cpu", name, vendor.name if vendor else None, country, details, "/proc/cpuinfo, /sys", note)
    return Findings((component,), unread)


def _cpuinfo(files: Files) -> list[dict[str, str]]:
    """Return one mapping a logical processor, keys in lower case; empty without /proc/cpuinfo."""
    text = files.text("proc/cpuinfo") or ""
    blocks = []
    for block in text.split("\n\n"):
        fields = {}
        for line in block.splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields[key.strip().lower()] = value.strip()
        if fields:
            blocks.append(fields)
    return blocks


def _sockets(blocks: list[dict[str, str]]) -> int | None:
    return len({block["physical id"] for block in blocks if "physical id" in block}) or None


def _caches(files: Files) -> list[dict[str, Any]]:
    """Return distinct caches: level, type, size of one instance, number of instances, processors sharing one."""
    instances: dict[tuple[int, str, int, int], set[str]] = {}
    for cpu in files.names(f"{_SYSTEM}/cpu", "cpu[0-9]*"):
        for index in files.names(f"{_SYSTEM}/cpu/{cpu}/cache", "index[0-9]*"):
            folder = f"{_SYSTEM}/cpu/{cpu}/cache/{index}"
            level, size = files.number(f"{folder}/level"), _size_bytes(files.text(f"{folder}/size"))
            shared = files.text(f"{folder}/shared_cpu_list")
            if level is None or size is None or shared is None:
                continue
            kind = (files.text(f"{folder}/type") or "").lower()
            instances.setdefault((level, kind, size, len(parse_cpu_list(shared))), set()).add(shared)
    return [
        {"level": level, "type": kind, "size_bytes": size, "instances": len(which), "shared_by": sharing}
        for (level, kind, size, sharing), which in sorted(instances.items())
    ]


def _size_bytes(text: str | None) -> int | None:
    """Return the bytes of a cache size such as "32K"."""
    if not text:
        return None
    unit = _SIZE_UNITS.get(text[-1].upper())
    digits = text[:-1] if unit else text
    return int(digits) * (unit or 1) if digits.isdecimal() else None


def _numa_nodes(files: Files) -> list[dict[str, Any]]:
    nodes = []
    for name in files.names(f"{_SYSTEM}/node", "node[0-9]*"):
        folder = f"{_SYSTEM}/node/{name}"
        cpus = files.text(f"{folder}/cpulist") or ""
        nodes.append({"node": int(name[4:]), "cpus": cpus, "total_bytes": _node_bytes(files, folder)})
    return nodes


def _node_bytes(files: Files, folder: str) -> int | None:
    for line in (files.text(f"{folder}/meminfo") or "").splitlines():
        key, _, value = line.partition("MemTotal:")
        if value and key:
            digits = value.split()[0]
            return int(digits) * 1024 if digits.isdecimal() else None
    return None


def parse_cpu_list(text: str) -> list[int]:
    """Return the processors in the kernel's list format, such as "0-3,8"; empty if it is malformed."""
    processors: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            return []
        if int(last or first) - int(first) > 1 << 16:
            return []
        processors.extend(range(int(first), int(last or first) + 1))
    return processors
