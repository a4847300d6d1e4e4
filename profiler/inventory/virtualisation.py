"""Whether this process runs under a hypervisor or in a container, by the evidence each leaves.

The signs are those of systemd-detect-virt (systemd, src/basic/virt.c): the CPUID hypervisor bit, DMI vendor
strings, the maker's mark in the ACPI tables, the Xen and device-tree nodes; and for containers their marker files and
control groups.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from profiler.host.files import Files
from profiler.inventory.firmware import DMI
from profiler.records.findings import Findings
from profiler.records.host import Component

_DMI_NAMES = {
    "KVM": "KVM", "QEMU": "QEMU", "OpenStack": "KVM (OpenStack)", "VMware": "VMware", "innotek GmbH": "VirtualBox",
    "VirtualBox": "VirtualBox", "Xen": "Xen", "Bochs": "Bochs", "Parallels": "Parallels", "BHYVE": "bhyve",
    "Hyper-V": "Hyper-V", "Virtual Machine": "Hyper-V", "Apple Virtualization": "Apple Virtualization",
    "Google Compute Engine": "Google Compute Engine", "Alibaba Cloud ECS": "Alibaba Cloud ECS",
    "HVM domU": "Xen", "Amazon EC2": "Amazon EC2", "Cloud Hypervisor": "Cloud Hypervisor", "CVM": "Tencent Cloud",
}  # fmt: skip
"""The beginnings of DMI strings, and who writes them."""

_ACPI_MARKS = {
    "FIRECK": "Firecracker",
    "BOCHS": "QEMU",
    "VBOX": "VirtualBox",
    "CLOUDH": "Cloud Hypervisor",
    "ACRN": "ACRN",
}
"""The maker's mark (OEM id) at byte 10 of an ACPI table."""

_CGROUP_MARKS = {
    "docker": "Docker",
    "kubepods": "Kubernetes",
    "containerd": "containerd",
    "lxc": "LXC",
    "libpod": "Podman",
}


def read_virtualisation(files: Files, environment: Mapping[str, str] | None = None) -> Findings:
    """Return one component that names the hypervisor and the container, or their absence."""
    evidence = _evidence(files)
    flagged = evidence.pop("cpuid_hypervisor", False)
    named = next((evidence[key] for key in ("xen", "acpi", "device_tree", "dmi") if key in evidence), None)
    metal = (files.text(f"{DMI}/product_name") or "").endswith(".metal")
    virtual = bool(flagged or (named and not metal))
    container = _container(files, os.environ if environment is None else environment)
    details: dict[str, Any] = {
        "virtual": virtual,
        "hypervisor": named if virtual else None,
        "container": container,
        "evidence": {**({"cpuid_hypervisor": True} if flagged else {}), **evidence},
        **_limits(files),
    }
    unread = {}
    if virtual and named is None:
        reason = "the processor reports a hypervisor, but neither DMI nor ACPI names it"
        unread["hypervisor"] = reason
    name = f"virtual machine ({named or 'hypervisor unknown'})" if virtual else "no hypervisor seen"
    if container:
        name += f", in a container ({container})"
    known = {key: value for key, value in details.items() if value is not None}
    note = "the hardware that the hypervisor presents may differ from the real part" if virtual else ""
    return Findings(
        (Component("virtualisation", name, details=known, source="CPUID, DMI, ACPI, cgroup", note=note),), unread
    )


def _evidence(files: Files) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    cpuinfo = files.text("proc/cpuinfo") or ""
    if any(line.startswith("flags") and " hypervisor" in line for line in cpuinfo.splitlines()):
        evidence["cpuid_hypervisor"] = True
    if (kind := files.text("sys/hypervisor/type")) is not None:
        evidence["xen"] = kind
    for table in ("DSDT", "FACP"):
        header = files.raw(f"sys/firmware/acpi/tables/{table}")
        mark = header[10:16].decode("ascii", "replace").strip() if header else ""
        if mark in _ACPI_MARKS:
            evidence["acpi"] = _ACPI_MARKS[mark]
    if (tree := files.text("proc/device-tree/hypervisor/compatible")) is not None:
        evidence["device_tree"] = tree
    for field in ("product_name", "sys_vendor", "board_vendor", "bios_vendor"):
        text = files.text(f"{DMI}/{field}") or ""
        name = next((name for start, name in _DMI_NAMES.items() if text.startswith(start)), None)
        if name and "dmi" not in evidence:
            evidence["dmi"] = name
    if "microsoft" in (files.text("proc/sys/kernel/osrelease") or "").lower():
        evidence["wsl"] = "Windows Subsystem for Linux"
    return evidence


def _container(files: Files, environment: Mapping[str, str]) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "Kubernetes"
    if files.exists("run/.containerenv"):
        return "Podman"
    if files.exists(".dockerenv"):
        return "Docker"
    if (container := files.text("run/systemd/container")) is not None:
        return container
    groups = files.text("proc/self/cgroup") or ""
    return next((name for mark, name in _CGROUP_MARKS.items() if mark in groups), None)


def _limits(files: Files) -> dict[str, Any]:
    """Return the processor time limit of this control group, in processors; empty without a limit."""
    quota, _, period = (files.text("sys/fs/cgroup/cpu.max") or "max").partition(" ")
    if quota == "max":  # control groups of version 1, whose quota is -1 without a limit
        quota = files.text("sys/fs/cgroup/cpu/cpu.cfs_quota_us") or ""
        period = files.text("sys/fs/cgroup/cpu/cpu.cfs_period_us") or ""
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        return {"cpu_limit_processors": int(quota) / int(period)}
    return {}
