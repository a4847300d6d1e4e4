"""A digest of what makes two machines performance-alike: equal parts give equal digests, whoever owns them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from profiler.devices.pci import PciDevice
from profiler.records.host import Component

_PROCESSOR_FACTS = (
    "isa", "family", "model", "stepping", "microcode", "sockets", "physical_cores", "logical_processors", "extensions",
    "caches", "virtual",
)  # fmt: skip


def fingerprint(components: Iterable[Component], devices: Iterable[PciDevice]) -> str:
    """Sixteen hexadecimal digits over processor, memory in GiB and accelerators.

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
