"""Accelerators: what libraries and vendors' tools report, joined with the PCI bus."""

from __future__ import annotations

from dataclasses import replace

from profiler.devices.bus.makers import Maker
from profiler.devices.pci import PciDevice
from profiler.devices.plugins import installed
from profiler.devices.screen.card import Card
from profiler.devices.screen.tool import Enquiry, Heard
from profiler.records.findings import Findings, merge
from profiler.records.host import Component


def start_tools() -> Enquiry:
    """Start every tool that is on PATH; :func:`read_accelerators` collects the answers."""
    return Enquiry(installed().tools)


def read_boards() -> list[tuple[Heard, tuple[Card, ...]]]:
    """Return the boards each tool on PATH reports now; nothing for a program that only shares a tool's name.

    A tool with two names is listed once.
    """
    boards: list[tuple[Heard, tuple[Card, ...]]] = []
    for heard in start_tools().finish():
        cards = heard.tool.cards(heard.answers)
        known = {id(tool.cards) for tool in (before.tool for before, _ in boards)}
        if id(heard.tool.cards) not in known and (cards or not heard.tool.shared_name):
            boards.append((heard, cards))
    return boards


def read_accelerators(enquiry: Enquiry, devices: list[PciDevice]) -> Findings:
    """List every accelerator once: described by a library or a tool if possible, else by its PCI identification."""
    present = [device for device in devices if device.is_accelerator]
    makers = {device.vendor for device in present}
    libraries = [(device.maker, read) for device in installed().devices for read in device.libraries]
    by_library = [read(maker in makers) for maker, read in libraries]
    heard = [answer for answer in enquiry.finish() if _concerns(answer, makers)]
    described = _without_repeats([*by_library, *(_findings(answer) for answer in heard)])
    components = tuple(_with_pci(part, present) for part in described.components)
    asked = {answer.tool.maker for answer in heard} | {maker for maker, _ in libraries}
    undescribed = [device for device in present if not _covers(described.components, device)]
    broken = {f"device plug-in {name}": reason for name, reason in installed().broken.items()}
    return merge(
        [Findings(components, {**described.unread, **broken}), *(_from_pci(device, asked) for device in undescribed)]
    )


def _concerns(heard: Heard, makers: set[Maker | None]) -> bool:
    """Return False if another maker's program of the same name answered."""
    tool = heard.tool
    return not tool.shared_name or tool.maker in makers or bool(tool.cards(heard.answers))


def _findings(heard: Heard) -> Findings:
    components = heard.tool.parse(heard.answers)
    unread = {f"{heard.tool.name} {question}".strip(): reason for question, reason in heard.failures.items()}
    if not components and not unread:
        lines = (line.strip() for text in heard.answers.values() for line in text.splitlines())
        first = next(filter(None, lines), "")
        what = f"it begins with {first[:60]!r}" if first else "it is empty"
        unread[heard.tool.name] = f"its output names no device in a known form: {what}"
    return Findings(components, unread)


def _without_repeats(sources: list[Findings]) -> Findings:
    """Drop devices that an earlier source described: by address, or by maker if a tool prints no addresses."""
    kept: list[Findings] = []
    for source in sources:
        before = [part for findings in kept for part in findings.components]
        addresses = {part.details["pci_address"] for part in before if "pci_address" in part.details}
        makers = {part.vendor for part in before}
        new = tuple(part for part in source.components if not _known(part, addresses, makers))
        kept.append(replace(source, components=new))
    return merge(kept)


def _known(part: Component, addresses: set[str], makers: set[str | None]) -> bool:
    address = part.details.get("pci_address")
    return part.vendor in makers if address is None else address in addresses


def _with_pci(part: Component, devices: list[PciDevice]) -> Component:
    """Add what the kernel knows about the device at the component's address; the vendor's own facts take precedence."""
    device = next((candidate for candidate in devices if candidate.address == part.details.get("pci_address")), None)
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


def _from_pci(device: PciDevice, asked: set[Maker | None]) -> Findings:
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
    note = "identified by its PCI id only"
    component = Component("accelerator", name, maker.name, maker.country, details, "/sys/bus/pci", note)
    if maker in asked:
        reason = f"{maker.tool} does not describe this device"
    elif maker in {tool.maker for tool in installed().tools}:
        reason = f"{maker.tool} is not on PATH; install the vendor's driver, or pass the tool into the container"
    else:
        reason = f"chipassay does not read {maker.tool or 'any tool of this maker'} yet"
    return Findings((component,), {f"{name} at {device.address}": reason})
