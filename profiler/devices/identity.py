"""Whether two descriptions mean one device."""

from __future__ import annotations

from collections.abc import Mapping

from profiler.devices.screen.fields import pci_address


def same_device(board: Mapping[str, str], engine: Mapping[str, str]) -> bool | None:
    """Compare two identities by UUID, else by PCI address; None if they share neither."""
    ours, theirs = _uuid(board.get("uuid")), _uuid(engine.get("uuid"))
    if ours and theirs:
        return ours == theirs
    here, there = pci_address(board.get("pci_address")), pci_address(engine.get("pci_address"))
    return here == there if here and there else None


def _uuid(text: str | None) -> str:
    return (text or "").casefold().removeprefix("gpu-")
