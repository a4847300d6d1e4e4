"""Accelerators: what NVML and the vendors' tools say, joined with what the PCI bus shows by itself."""

from __future__ import annotations

from dataclasses import replace

from profiler.devices import amd as rocm_smi
from profiler.devices import cambricon as cnmon
from profiler.devices import enflame as efsmi
from profiler.devices import hygon as hy_smi
from profiler.devices import iluvatar as ixsmi
from profiler.devices import kunlunxin as xpu_smi
from profiler.devices import metax as mx_smi
from profiler.devices.ascend import npu_smi
from profiler.devices.bus.pci import PciDevice
from profiler.devices.moore_threads import mthreads_gmi
from profiler.devices.nvidia.inventory import NVIDIA, read_nvidia
from profiler.devices.screen.card import Card
from profiler.devices.screen.tool import Enquiry, Heard, Tool
from profiler.records.findings import Findings, merge
from profiler.records.host import Component

TOOLS: tuple[Tool, ...] = (
    npu_smi.TOOL, mthreads_gmi.TOOL, mx_smi.TOOL, cnmon.TOOL, hy_smi.TOOL, ixsmi.TOOL, efsmi.TOOL, xpu_smi.TOOL,
    xpu_smi.OLD_TOOL, rocm_smi.TOOL,
)  # fmt: skip
"""Vendor tools in the order they are believed: Hygon's own before the ``rocm-smi`` it ships beside it."""


def start_tools() -> Enquiry:
    """Begin to ask every tool that is on PATH; the answers are collected by :func:`read_accelerators`."""
    return Enquiry(TOOLS)


def read_boards() -> list[tuple[Heard, tuple[Card, ...]]]:
    """What each tool on PATH tells of its boards now; nothing for a program that only shares a tool's name.

    A tool that goes by two names is heard once.
    """
    boards: list[tuple[Heard, tuple[Card, ...]]] = []
    for heard in start_tools().finish():
        cards = heard.tool.cards(heard.answers)
        known = {id(tool.cards) for tool in (before.tool for before, _ in boards)}
        if id(heard.tool.cards) not in known and (cards or not heard.tool.shared_name):
            boards.append((heard, cards))
    return boards


def read_accelerators(enquiry: Enquiry, devices: list[PciDevice]) -> Findings:
    """Every accelerator once: described by a library or a tool where possible, by its PCI identification otherwise."""
    present = [device for device in devices if device.is_accelerator]
    nvidia = read_nvidia(expected=any(device.vendor_id == NVIDIA for device in present))
    makers = {device.vendor_id for device in present}
    heard = [one for one in enquiry.finish() if _concerns(one, makers)]
    described = _without_repeats([nvidia, *(_findings(one) for one in heard)])
    components = tuple(_with_pci(part, present) for part in described.components)
    asked = {one.tool.pci_vendor for one in heard}
    undescribed = [device for device in present if not _covers(described.components, device)]
    return merge([Findings(components, described.unread), *(_from_pci(device, asked) for device in undescribed)])


def _concerns(heard: Heard, makers: set[str]) -> bool:
    """Not where another maker's program of the same name answered."""
    tool = heard.tool
    return not tool.shared_name or tool.pci_vendor in makers or bool(tool.cards(heard.answers))


def _findings(heard: Heard) -> Findings:
    components = heard.tool.parse(heard.answers)
    unread = {f"{heard.tool.name} {question}".strip(): reason for question, reason in heard.failures.items()}
    if not components and not unread:
        said = next((line.strip() for text in heard.answers.values() for line in text.splitlines() if line.strip()), "")
        what = f"it begins with {said[:60]!r}" if said else "it is empty"
        unread[heard.tool.name] = f"its output names no device in a form known here: {what}"
    return Findings(components, unread)


def _without_repeats(found: list[Findings]) -> Findings:
    """Drop what an earlier source described already: by address, or by maker where a tool prints no addresses."""
    kept: list[Findings] = []
    for one in found:
        before = [part for findings in kept for part in findings.components]
        addresses = {part.details["pci_address"] for part in before if "pci_address" in part.details}
        makers = {part.vendor for part in before}
        new = tuple(part for part in one.components if not _known(part, addresses, makers))
        kept.append(replace(one, components=new))
    return merge(kept)


def _known(part: Component, addresses: set[str], makers: set[str | None]) -> bool:
    address = part.details.get("pci_address")
    return part.vendor in makers if address is None else address in addresses


def _with_pci(part: Component, devices: list[PciDevice]) -> Component:
    """The component with what the kernel knows of the device at its address; the vendor's own word stands."""
    device = next((one for one in devices if one.address == part.details.get("pci_address")), None)
    if device is None:
        return part
    known = {"pci_id": f"{device.vendor_id}:{device.device_id}", **device.link}
    if device.driver:
        known["kernel_driver"] = device.driver
    return replace(part, details={**known, **part.details})


def _covers(components: tuple[Component, ...], device: PciDevice) -> bool:
    maker = device.vendor.name if device.vendor else None
    for part in components:
        address = part.details.get("pci_address")
        if address == device.address or (address is None and part.vendor == maker):
            return True
    return False


def _from_pci(device: PciDevice, asked: set[str]) -> Findings:
    maker = device.vendor
    assert maker is not None
    details = {
        "pci_address": device.address,
        "pci_id": f"{device.vendor_id}:{device.device_id}",
        **({"pci_subsystem": device.subsystem} if device.subsystem else {}),
        **({"kernel_driver": device.driver} if device.driver else {}),
        **device.link,
    }
    name = f"{maker.name} device {device.device_id}"
    note = "known by its PCI identification only"
    component = Component("accelerator", name, maker.name, maker.country, details, "/sys/bus/pci", note)
    if device.vendor_id in asked or device.vendor_id == NVIDIA:
        reason = f"{maker.tool} does not describe this device"
    elif device.vendor_id in {tool.pci_vendor for tool in TOOLS}:
        reason = f"{maker.tool} is not on PATH; install the vendor's driver, or pass the tool into the container"
    else:
        reason = f"chipassay does not read {maker.tool or 'any tool of this maker'} yet"
    return Findings((component,), {f"{name} at {device.address}": reason})
