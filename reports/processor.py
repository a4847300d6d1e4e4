"""Which part of a machine ran a target: the host's processor, or the accelerator the engine named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from profiler.record import Component, Host, TargetRecord


def processor_of(record: TargetRecord, host: Host) -> Component | None:
    """The component that did the work; None where the inventory does not hold it, or cannot tell which one it was.

    An accelerator is found by the PCI address the engine gave, else by the name it gave, else where all accelerators
    of the machine are of one name: then it does not matter which of them it was.
    """
    worker = record.worker
    components = worker.inventory.components if worker and worker.inventory else host.components
    if record.accelerator is None:
        return next((part for part in components if part.kind == "cpu"), None)
    found = [part for part in components if part.kind == "accelerator"]
    said = worker.engine.device if worker else {}
    return _at_address(found, said.get("pci_address")) or _named(found, said.get("name")) or _only_kind(found)


def _at_address(parts: Sequence[Component], address: str | None) -> Component | None:
    """Engines print the PCI domain with four digits or with eight."""
    if not address:
        return None
    return next((part for part in parts if _address(part.details.get("pci_address")) == _address(address)), None)


def _address(text: Any) -> str:
    return str(text).lower()[-len("0000:00:00.0") :]


def _named(parts: Sequence[Component], name: str | None) -> Component | None:
    return next((part for part in parts if name and part.name == name), None)


def _only_kind(parts: Sequence[Component]) -> Component | None:
    return parts[0] if len({part.name for part in parts}) == 1 else None
