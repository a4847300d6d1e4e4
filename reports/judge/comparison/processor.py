"""Which part of a machine ran a target, or which chip its vendor's tools were asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from profiler.chips import load_chips
from profiler.inventory.origin import component_of
from profiler.records.host import Component, Host
from profiler.records.target import TargetRecord


def processor_of(record: TargetRecord, host: Host) -> Component | None:
    """The component that did the work; None where the inventory does not hold it, or cannot tell which one it was.

    An accelerator is found by the PCI address the engine gave, else by the name it gave, else where all accelerators
    of the machine are of one name: then it does not matter which of them it was. A chip that only its vendor's tools
    know of is no part of the machine: it is the catalogue's, and its source says so.
    """
    if record.compiler_path:
        return _asked_about(record)
    worker = record.worker
    components = worker.inventory.components if worker and worker.inventory else host.components
    if record.accelerator is None:
        return next((part for part in components if part.kind == "cpu"), None)
    found = [part for part in components if part.kind == "accelerator"]
    said = worker.engine.device if worker else {}
    return _at_address(found, said.get("pci_address")) or _named(found, said.get("name")) or _only_kind(found)


def host_processor(record: TargetRecord, host: Host) -> Component | None:
    """The processor that the worker of a target ran on, whatever it worked for."""
    report = record.outcome.report
    components = report.inventory.components if report and report.inventory else host.components
    return next((part for part in components if part.kind == "cpu"), None)


def _asked_about(record: TargetRecord) -> Component:
    chip_id = record.examined.compiled.chip_id if record.examined else record.chip_id
    named = f"{record.backend}:{record.device}" if record.device else record.backend
    source = f"named by the target {named}, not found in the machine"
    chip = next((chip for chip in load_chips().chips if chip.id == chip_id), None)
    if chip is not None:
        return component_of(chip, source)
    return Component("accelerator", record.device or record.backend, details={"chip": {"status": "unknown"}},
                     source=source)  # fmt: skip


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
