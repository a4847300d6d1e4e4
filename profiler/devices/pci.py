"""PCI devices by their identification numbers, whether or not a driver or a tool knows them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from profiler.devices.bus.makers import Maker
from profiler.devices.plugins import pci_vendor
from profiler.host.files import Files
from profiler.records.findings import Findings
from profiler.records.host import Component

FOLDER = "sys/bus/pci/devices"

_CLASSES = {
    "01": "storage", "02": "network", "03": "display", "04": "multimedia", "05": "memory", "06": "bridge",
    "07": "communication", "08": "system peripheral", "0b": "processor", "0c": "serial bus", "10": "encryption",
    "11": "signal processing", "12": "processing accelerator", "13": "instrumentation", "ff": "unclassified",
}  # fmt: skip
"""PCI base classes (PCI Code and ID Assignment Specification)."""

_GENERATIONS = {"2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}
"""Transfer rate in GT/s to PCI Express generation."""


@dataclass(frozen=True, slots=True)
class PciDevice:
    """One device: address ``0000:3b:00.0``, identification in lower-case hexadecimal, and its link."""

    address: str
    vendor_id: str
    device_id: str
    class_id: str
    subsystem: str
    driver: str | None
    link: dict[str, int]

    @property
    def vendor(self) -> Maker | None:
        """Its maker; None for an unknown identification."""
        return pci_vendor(self.vendor_id)

    @property
    def is_accelerator(self) -> bool:
        """Whether its maker's devices of this class compute."""
        maker = self.vendor
        return maker is not None and bool(maker.classes) and self.class_id.startswith(maker.classes)


def read_devices(files: Files) -> list[PciDevice]:
    """Return every PCI device, by address."""
    return [device for name in files.names(FOLDER) if (device := _device(files, name)) is not None]


def pci_findings(files: Files, devices: list[PciDevice]) -> Findings:
    """Return one component for each kind of device that is not an accelerator, with all its addresses."""
    if not devices:
        reason = "no PCI bus here" if files.exists(FOLDER) else files.why_not(FOLDER)
        return Findings((), {"PCI devices": reason})
    kinds: dict[tuple[str, str, str], list[PciDevice]] = defaultdict(list)
    for device in devices:
        if not device.is_accelerator:
            kinds[device.class_id[:2], device.vendor_id, device.device_id].append(device)
    return Findings(tuple(_component(group) for _, group in sorted(kinds.items())))


def _component(group: list[PciDevice]) -> Component:
    first = group[0]
    what = _CLASSES.get(first.class_id[:2], f"class {first.class_id[:4]}")
    maker = first.vendor
    details: dict[str, Any] = {
        "pci_id": f"{first.vendor_id}:{first.device_id}",
        "class": what,
        "class_id": first.class_id,
        "count": len(group),
        "addresses": [device.address for device in group],
    }
    if drivers := sorted({device.driver for device in group if device.driver}):
        details["drivers"] = drivers
    if maker and maker.virtual:
        details["virtual"] = True
    return Component(
        "pci-device",
        f"{what} {first.vendor_id}:{first.device_id}",
        maker.name if maker else None,
        maker.country if maker else None,
        details,
        source="/sys/bus/pci",
    )


def _device(files: Files, address: str) -> PciDevice | None:
    folder = f"{FOLDER}/{address}"
    numbers = [files.text(f"{folder}/{name}") for name in ("vendor", "device", "class")]
    if any(number is None for number in numbers):
        return None
    vendor_id, device_id, class_id = (str(number).removeprefix("0x").lower() for number in numbers)
    owner = (files.text(f"{folder}/{name}") for name in ("subsystem_vendor", "subsystem_device"))
    subsystem = ":".join((number or "").removeprefix("0x").lower() for number in owner)
    return PciDevice(
        address=address.lower(),
        vendor_id=vendor_id,
        device_id=device_id,
        class_id=class_id,
        subsystem=subsystem if subsystem != ":" else "",
        driver=_driver(files, folder),
        link=_link(files, folder),
    )


def _driver(files: Files, folder: str) -> str | None:
    path = files.root / folder / "driver"
    try:
        return path.readlink().name
    except OSError:
        return None


def _link(files: Files, folder: str) -> dict[str, int]:
    link = {}
    for key, prefix in (("link", "current"), ("max_link", "max")):
        width = files.number(f"{folder}/{prefix}_link_width")
        if width:
            link[f"{key}_width_lanes"] = width
        speed = (files.text(f"{folder}/{prefix}_link_speed") or "").split(" ")[0]
        if speed in _GENERATIONS:
            link[f"{key}_generation"] = _GENERATIONS[speed]
    return link
