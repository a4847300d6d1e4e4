"""Who is behind an identification: the processor vendor tables that the kernel's numbers are looked up in."""

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
class PciVendor:
    """The maker behind a PCI vendor id.

    ``classes`` are prefixes of the PCI class of its accelerators; ``tool`` is the program that knows more about them.
    """

    name: str
    country: str | None
    classes: tuple[str, ...]
    tool: str
    virtual: bool


def cpu_vendor(identification: str) -> CpuVendor | None:
    """The designer behind a CPUID vendor string, an Arm implementer code, or what else the kernel prints."""
    entry = _table("cpu_vendors.yaml", "vendors").get(identification.strip())
    return CpuVendor(entry["vendor"], entry["country"]) if entry else None


def arm_core(implementer: str, part: str) -> str | None:
    """The name of an Arm core by its identification register."""
    entry = _table("cpu_vendors.yaml", "arm_cores").get(f"{implementer}:{part}")
    return entry["name"] if entry else None


def pci_vendor(vendor_id: str) -> PciVendor | None:
    """The maker behind four hexadecimal digits."""
    return pci_vendors().get(vendor_id)


@cache
def pci_vendors() -> dict[str, PciVendor]:
    """Every known maker by PCI vendor id."""
    return {
        key: PciVendor(
            entry["vendor"],
            entry.get("country"),
            tuple(entry.get("classes", ())),
            entry.get("tool", ""),
            entry.get("virtual", False),
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
            raise InputError(f"{origin}:{entry.line}: {identification!r} stands twice")
        found[identification] = entry.value
    return found
