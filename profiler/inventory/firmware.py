"""Firmware and board, from the kernel's copy of the firmware table (DMI) or the device tree."""

from __future__ import annotations

from profiler.host.files import Files
from profiler.records.findings import Findings, merge
from profiler.records.host import Component

DMI = "sys/class/dmi/id"

_SERIALS = ("product_serial", "product_uuid", "board_serial", "chassis_serial")


def read_firmware(files: Files) -> Findings:
    """Read the BIOS and the machine; only root may read serial numbers."""
    if files.exists(DMI):
        return merge([_bios(files), _machine(files)])
    reason = f"/{DMI} does not exist: no firmware table, as in small virtual machines and on boards without UEFI"
    model = files.text("proc/device-tree/model")
    if model is None:
        return Findings((), {"firmware and machine model": reason})
    return Findings((Component("machine", model, source="device tree"),), {"firmware": reason})


def _bios(files: Files) -> Findings:
    vendor = files.text(f"{DMI}/bios_vendor")
    version = files.text(f"{DMI}/bios_version")
    if vendor is None and version is None:
        return Findings((), {"firmware": files.why_not(f"{DMI}/bios_version")})
    facts = {
        "version": version,
        "date": files.text(f"{DMI}/bios_date"),
        "release": files.text(f"{DMI}/bios_release"),
    }
    name = " ".join(part for part in (vendor or "BIOS", version) if part)
    details = {key: value for key, value in facts.items() if value}
    return Findings((Component("firmware", name, vendor, details=details, source="DMI"),))


def _machine(files: Files) -> Findings:
    vendor = files.text(f"{DMI}/sys_vendor")
    facts = {
        "product": files.text(f"{DMI}/product_name"),
        "board": files.text(f"{DMI}/board_name"),
        "board_vendor": files.text(f"{DMI}/board_vendor"),
        "chassis_type": files.text(f"{DMI}/chassis_type"),
    }
    unread = {}
    for key in _SERIALS:
        path = f"{DMI}/{key}"
        if files.exists(path) and (value := files.text(path)) is not None:
            facts[key] = value
        elif files.exists(path):
            unread[f"machine {key}".replace("_", " ").replace("product ", "")] = files.why_not(path)
    name = " ".join(part for part in (vendor, facts["product"]) if part) or "unnamed machine"
    details = {key: value for key, value in facts.items() if value}
    return Findings((Component("machine", name, vendor, details=details, source="DMI"),), unread)
