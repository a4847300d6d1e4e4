"""Who designs a device or processor, by the identification that the kernel reports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from backends.common.errors import InputError
from backends.common.yaml_lines import load_located


@dataclass(frozen=True, slots=True)
class CpuVendor:
    """The designer behind a CPU vendor string or implementer code."""

    name: str
    country: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Who designs devices, and how the PCI bus shows them. ``country`` is that of its headquarters.

    ``pci_ids`` are its vendor ids (four lower-case hexadecimal digits), read in ``sources``; ``classes`` are prefixes
    of the PCI class of its accelerators, since network cards and bridges carry the same vendor id. ``tool`` is the
    program or library that describes the accelerators. ``virtual``: a hypervisor emulates its devices.
    """

    name: str
    country: str | None = None
    pci_ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    tool: str = ""
    virtual: bool = False
    sources: tuple[str, ...] = ()


COMPUTE = ("0302", "0380", "12", "0b40")
"""PCI classes of accelerators that drive no screen: 3D and other display controllers, accelerators, co-processors."""

COMPUTE_AND_DISPLAY = ("0300", "0302", "0380", "12")
"""PCI classes of makers whose graphics cards drive screens too."""


def cpu_vendor(identification: str) -> CpuVendor | None:
    """Return the designer behind a CPUID vendor string, an Arm implementer code, or another string of the kernel's."""
    entry = _table("cpu_vendors.yaml", "vendors").get(identification.strip())
    return CpuVendor(entry["vendor"], entry["country"]) if entry else None


def arm_core(implementer: str, part: str) -> str | None:
    """Return the name of an Arm core by its identification register."""
    entry = _table("cpu_vendors.yaml", "arm_cores").get(f"{implementer}:{part}")
    return entry["name"] if entry else None


@cache
def listed_makers() -> dict[str, Maker]:
    """Return the makers by PCI vendor id whose devices no plug-in declares."""
    return {
        key: Maker(
            entry["vendor"],
            entry.get("country"),
            (key,),
            tuple(entry.get("classes", ())),
            entry.get("tool", ""),
            entry.get("virtual", False),
            tuple(entry["sources"]),
        )
        for key, entry in _table("pci_vendors.yaml", "vendors").items()
    }


@cache
def _table(origin: str, key: str) -> dict[str, dict[str, Any]]:
    root = load_located(files("profiler.devices.bus").joinpath(origin).read_text(), origin)
    found: dict[str, dict[str, Any]] = {}
    for entry in root.items(key):
        identification = str(entry.value.get("id", "")).strip()
        if not entry.value.get("sources"):
            raise InputError(f"{origin}:{entry.line}: {identification!r} has no sources")
        if identification in found:
            raise InputError(f"{origin}:{entry.line}: {identification!r} appears twice")
        found[identification] = entry.value
    return found
