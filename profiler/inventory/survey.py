"""The whole machine: every part with its source, and the reason for every part that could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from profiler.chips import load_chips
from profiler.devices.catalogue import read_accelerators, start_tools
from profiler.devices.pci import PciDevice, pci_findings, read_devices
from profiler.host.files import Files
from profiler.inventory.firmware import read_firmware
from profiler.inventory.identity import conceal, has_identifiers, load_key
from profiler.inventory.memory import read_memory
from profiler.inventory.operating_system import read_operating_system
from profiler.inventory.origin import with_origin
from profiler.inventory.processor import read_processor
from profiler.inventory.software import read_engines, read_packages
from profiler.inventory.virtualisation import read_virtualisation
from profiler.records.findings import Findings, merge
from profiler.records.host import Component, Host

_PROCESSOR_FACTS = (
    "isa", "family", "model", "stepping", "microcode", "sockets", "physical_cores", "logical_processors", "extensions",
    "caches", "virtual",
)  # fmt: skip


def take_inventory(
    *, engines: bool, include_serials: bool = False, chips: Path | None = None, files: Files | None = None
) -> Host:
    """Survey this machine: it needs no privilege, changes nothing, and no missing part raises.

    ``engines`` imports the installed inference engines to query their execution providers and BLAS, which
    takes seconds; without it only engines that this process has loaded are queried (as in a worker).
    Serial numbers and UUIDs are replaced by salted hashes (see :mod:`profiler.inventory.identity`) unless
    ``include_serials``. ``chips`` overlays the chip catalogue; ``files`` replaces the file tree ``/``.

    Raises:
        InputError: If ``chips`` is malformed.
    """
    files = files or Files()
    catalogue = load_chips(chips)
    tools = start_tools()
    devices = read_devices(files)
    parts = [
        read_processor(files),
        read_memory(files),
        read_operating_system(files),
        read_virtualisation(files),
        read_firmware(files),
        pci_findings(files, devices),
        read_packages(),
        read_engines(load=engines),
    ]
    findings = merge([*parts[:2], read_accelerators(tools, devices), *parts[2:]])
    components = tuple(with_origin(part, catalogue) for part in findings.components)
    shown, unread = _concealed(components, findings, include_serials)
    return Host(fingerprint(components, devices), shown, unread)


def _concealed(
    components: tuple[Component, ...], found: Findings, include_serials: bool
) -> tuple[tuple[Component, ...], dict[str, str]]:
    unread = dict(sorted(found.unread.items()))
    if include_serials or not has_identifiers(components):
        return components, unread
    key = load_key()
    if not key.lasting:
        unread["identity across runs"] = f"hashes of serial numbers hold for this process only: {key.reason}"
    return tuple(conceal(part, key.secret) for part in components), unread


def fingerprint(components: Iterable[Component], devices: Iterable[PciDevice]) -> str:
    """Return sixteen hexadecimal digits over processor, memory in GiB and accelerators: equal for equal machines.

    Accelerators count by their PCI identification, which needs no driver: a vendor tool that answers too late must not
    make the same machine look like another. No serial number, address or time takes part.
    """
    likeness: list[object] = []
    for part in components:
        if part.kind == "cpu":
            likeness.append([part.name, {key: part.details.get(key) for key in _PROCESSOR_FACTS}])
        elif part.kind == "memory":
            likeness.append(part.details.get("total_bytes", 0) >> 30)
    likeness.append(sorted(f"{device.vendor_id}:{device.device_id}" for device in devices if device.is_accelerator))
    return hashlib.sha256(msgspec.json.encode(likeness, order="sorted")).hexdigest()[:16]
