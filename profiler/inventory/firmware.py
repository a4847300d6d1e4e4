"""Firmware and board, as the kernel copies them from the firmware's table (DMI) or the device tree."""

from __future__ import annotations

from profiler.inventory.files import Files
from profiler.inventory.findings import Findings
from profiler.record import Component

DMI = "sys/class/dmi/id"

_SERIALS = ("product_serial", "product_uuid", "board_serial", "chassis_serial")


def read_firmware(files: Files) -> Findings:
    """The BIOS and the machine it sits in; serial numbers are readable by root only."""
    unread: dict[str, str] = {}
    if not files.exists(DMI):
        model = files.text("proc/device-tree/model")
        reason = (
            f"no firmware table: /{DMI} does not exist, as in small virtual machines and on most boards without UEFI"
        )
        if model is None:
            return Findings((), {"firmware": reason, "machine model": reason})
        return Findings((Component("machine", model, source="device tree"),), {"firmware": reason})
    components = []
    version = files.text(f"{DMI}/bios_version")
    if version or files.text(f"{DMI}/bios_vendor"):
        details = {
            "version": version,
            "date": files.text(f"{DMI}/bios_date"),
            "release": files.text(f"{DMI}/bios_release"),
        }
        details = {key: value for key, value in details.items() if value}
        vendor = files.text(f"{DMI}/bios_vendor")
        components.append(
            Component("firmware", f"{vendor or 'BIOS'} {version or ''}".strip(), vendor, details=details, source="DMI")
        )
    else:
        unread["firmware"] = files.why_not(f"{DMI}/bios_version")
    details = {
        "product": files.text(f"{DMI}/product_name"),
        "board": files.text(f"{DMI}/board_name"),
        "board_vendor": files.text(f"{DMI}/board_vendor"),
        "chassis_type": files.text(f"{DMI}/chassis_type"),
    }
    for key in _SERIALS:
        details[key] = files.text(f"{DMI}/{key}")
        if details[key] is None and files.exists(f"{DMI}/{key}"):
            unread[key.replace("_", " ").replace("product", "machine")] = files.why_not(f"{DMI}/{key}")
    vendor = files.text(f"{DMI}/sys_vendor")
    name = " ".join(part for part in (vendor, details["product"]) if part) or "unnamed machine"
    found = {key: value for key, value in details.items() if value}
    components.append(Component("machine", name, vendor, details=found, source="DMI"))
    return Findings(tuple(components), unread)
