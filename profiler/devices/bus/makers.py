"""Who is behind an identification: the processor vendor tables that the kernel's numbers are looked up in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from backends.common import facts
from backends.common.yaml_lines import Located


@dataclass(frozen=True, slots=True)
class CpuVendor:
    """The designer behind a CPU vendor string or implementer code."""

    id: str
    name: str
    country: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ArmCore:
    id: str
    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PciVendor:
    """The maker behind a PCI vendor id.

    ``classes`` are prefixes of the PCI class of its accelerators; ``tool`` is the program that knows more about them.
    """

    id: str
    name: str
    sources: tuple[str, ...]
    country: str | None = None
    classes: tuple[str, ...] = ()
    tool: str = ""
    virtual: bool = False


def cpu_vendor(identification: str) -> CpuVendor | None:
    """The designer behind a CPUID vendor string, an Arm implementer code, or what else the kernel prints."""
    return _cpu_vendors().get(identification.strip())


def arm_core(implementer: str, part: str) -> str | None:
    """The name of an Arm core by its identification register."""
    core = _arm_cores().get(f"{implementer}:{part}")
    return core.name if core else None


def pci_vendor(vendor_id: str) -> PciVendor | None:
    """The maker behind four hexadecimal digits."""
    return pci_vendors().get(vendor_id)


_Fact = TypeVar("_Fact", CpuVendor, PciVendor, _ArmCore)


@cache
def pci_vendors() -> dict[str, PciVendor]:
    """Every known maker by PCI vendor id."""
    root = facts.shipped("profiler.devices.bus", "pci_vendors.yaml", "chipassay.pci-vendors/1", ("vendors",))
    return _sourced(PciVendor, root, "vendors")


@cache
def _cpu_vendors() -> dict[str, CpuVendor]:
    return {vendor.id.strip(): vendor for vendor in _sourced(CpuVendor, _cpu_facts(), "vendors").values()}


@cache
def _arm_cores() -> dict[str, _ArmCore]:
    return _sourced(_ArmCore, _cpu_facts(), "arm_cores")


def _cpu_facts() -> Located:
    return facts.shipped(
        "profiler.devices.bus", "cpu_vendors.yaml", "chipassay.cpu-vendors/1", ("vendors", "arm_cores")
    )


def _sourced(kind: type[_Fact], root: Located, key: str) -> dict[str, _Fact]:
    def make(entry: Located) -> _Fact:
        made = facts.record(kind, entry)
        facts.check_sources(entry, made.sources, what=repr(made.id))
        return made

    return facts.records(kind, root, key, make=make)
