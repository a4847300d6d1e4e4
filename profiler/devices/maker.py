"""Who made the device that PyTorch names: ``cuda`` may mean NVIDIA, AMD, Hygon, MetaX, Iluvatar or Kunlunxin.

The PCI bus shows whose boards are present, or else the tools do. If boards of several makers share a word, the
device's name in PyTorch is looked up among the names of the inventory.
"""

from __future__ import annotations

from backends.torch_device.discovery import ask_pytorch
from profiler.devices.catalogue import read_accelerators, start_tools
from profiler.devices.pci import PciDevice, read_devices
from profiler.devices.plugins import installed
from profiler.host.files import Files


class SeveralMakersError(Exception):
    """Boards of several makers are present, and ``args[0]`` says why none can be chosen."""


def maker_behind(accelerator: str) -> str | None:
    """Return the maker of the device that PyTorch calls ``accelerator``; None if no matching board is visible.

    Raises:
        SeveralMakersError: If it could be one of several makers'.
    """
    word, _, number = accelerator.partition(":")
    candidates = installed().makers_of(word)
    devices = read_devices(Files())
    here = {device.vendor.name for device in devices if device.is_accelerator and device.vendor} & candidates
    if len(here) == 1 or len(candidates) < 2:
        return next(iter(here), None)
    described = [(name, maker) for name, maker in _described(devices) if maker in candidates]
    here = here or {maker for _, maker in described}
    if len(here) <= 1:
        return next(iter(here), None)
    name = _pytorchs_name(word, int(number or 0))
    known = {maker for part, maker in described if name and _same(part, name)}
    if len(known) == 1:
        return known.pop()
    reason = f"boards of {' and '.join(sorted(here))} are present, and it is unknown which of them {accelerator} is"
    raise SeveralMakersError(reason + (f" from its name {name!r}" if name else ""))


def _pytorchs_name(word: str, number: int) -> str:
    devices = ask_pytorch(word)
    return "" if isinstance(devices, str) or number >= len(devices) else devices[number].name


def _described(devices: list[PciDevice]) -> list[tuple[str, str]]:
    """Return name and maker of every accelerator that a library or a vendor's tool describes."""
    parts = read_accelerators(start_tools(), devices).components
    return [(part.name, part.vendor) for part in parts if part.vendor and part.source != "/sys/bus/pci"]


def _same(part: str, name: str) -> bool:
    """Compare names; either may contain the other, since PyTorch adds the profile of a MIG instance."""
    part, name = part.casefold(), name.casefold()
    return part in name or name in part
