"""Who designs a device or processor, by the identification that the kernel reports."""

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
    return _cpu_vendors().get(identification.strip())


def arm_core(implementer: str, part: str) -> str | None:
    """Return the name of an Arm core by its identification register."""
    core = _arm_cores().get(f"{implementer}:{part}")
    return core.name if core else None


_Fact = TypeVar("_Fact", CpuVendor, Maker, _ArmCore)


@cache
def listed_makers() -> dict[str, Maker]:
    """Return the makers by PCI vendor id whose devices no plug-in declares."""
    root = facts.shipped("profiler.devices.bus", "pci_vendors.yaml", "chipassay.pci-vendors/1", ("vendors",))
    makers = _sourced(Maker, root, "vendors", by="name").values()
    return {vendor_id: maker for maker in makers for vendor_id in maker.pci_ids}


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


def _sourced(kind: type[_Fact], root: Located, key: str, by: str = "id") -> dict[str, _Fact]:
    def make(entry: Located) -> _Fact:
        made = facts.record(kind, entry)
        facts.check_sources(entry, made.sources, what=repr(getattr(made, by)))
        return made

    return facts.records(kind, root, key, by, make)
