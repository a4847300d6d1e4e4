"""Which NVML board is PyTorch's ``cuda:1``, and whether its energy is separable from other work.

CUDA numbers visible boards; NVML numbers all of them, in the order of the PCI bus. The visible boards are listed in
``CUDA_VISIBLE_DEVICES``, as numbers, (prefixes of) UUIDs, or MIG instances; their order is in ``CUDA_DEVICE_ORDER``,
which a worker's environment sets to that of the bus (CUDA C++ Programming Guide, "CUDA Environment Variables").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from backends.common.nvml import said
from profiler.devices.bus.makers import COMPUTE_AND_DISPLAY, Maker
from profiler.devices.plugins import pci_vendor
from profiler.devices.screen.fields import pci_address

MAKER = Maker("NVIDIA", "US", ("10de",), COMPUTE_AND_DISPLAY, "NVML", sources=("pci.ids",))
NVIDIA = MAKER.pci_ids[0]

_SUPERCHIP = re.compile(r"\bG[HB]\d{3}\b")
"""Grace Hopper and Grace Blackwell by name, for bindings that cannot query the link to the processor."""


class BoardUnavailableError(Exception):
    """No board matches, or its readings cover more than this device: ``args[0]`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Board:
    """A board in NVML. ``device`` identifies it; ``on_superchip``: its power readings are the module's."""

    nvml: Any
    handle: Any
    index: int
    device: dict[str, str]
    on_superchip: bool


def find_board(nvml: Any, accelerator: str, environment: Mapping[str, str]) -> Board:
    """Return the board behind ``accelerator``.

    Raises:
        BoardUnavailableError: If there is none, or it is another maker's, divided, or one of several candidates.
    """
    kind, _, number = accelerator.partition(":")
    if kind != "cuda":
        raise BoardUnavailableError(f"NVML reads NVIDIA boards, and this is {accelerator}", "use its maker's own tool")
    handles = _handles(nvml)
    index = _visible(nvml, handles, int(number or 0), environment)
    handle = handles[index]
    board = Board(nvml, handle, index, _identity(nvml, handle), _on_superchip(nvml, handle))
    packed_id = ask(nvml, lambda: nvml.nvmlDeviceGetPciInfo(handle).pciDeviceId)
    vendor_id = NVIDIA if packed_id is None else f"{packed_id & 0xFFFF:04x}"
    if vendor_id != NVIDIA:
        maker = pci_vendor(vendor_id)
        raise BoardUnavailableError(
            f"{board.device.get('name', 'the device')} answers through NVML, but its PCI vendor is "
            f"{maker.name if maker else vendor_id}, not NVIDIA: the meaning of its counter is unknown",
            "use its maker's own tool",
        )
    mode = ask(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle)[0])
    if mode:
        raise _mig_error(index)
    return board


def _handles(nvml: Any) -> list[Any]:
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        raise BoardUnavailableError(f"NVML: {said(error)}", "see nvidia-smi, and dmesg for the driver") from error
    if not handles:
        raise BoardUnavailableError("the NVIDIA driver is installed, but no board is present", "see nvidia-smi")
    return handles


def count_visible(nvml: Any, environment: Mapping[str, str]) -> int:
    """Count the devices visible to CUDA, MIG instances included."""
    try:
        return len(_shown(nvml, _handles(nvml), environment))
    except BoardUnavailableError:
        return 0


def _shown(nvml: Any, handles: list[Any], environment: Mapping[str, str]) -> list[tuple[int | None, bool]]:
    """Return CUDA's devices in order: NVML's index (None for a MIG instance), and whether a UUID names it."""
    value = environment.get("CUDA_VISIBLE_DEVICES")
    entries = [str(index) for index in range(len(handles))] if value is None else value.split(",")
    shown: list[tuple[int | None, bool]] = []
    for entry in (text.strip() for text in entries):
        if entry.casefold().startswith("mig-"):
            shown.append((None, True))
            continue
        index = _index(nvml, handles, entry)
        if index is None:
            break  # CUDA ignores an entry that names nothing, and all after it
        shown.append((index, not entry.isdigit()))
    return shown


def _visible(nvml: Any, handles: list[Any], number: int, environment: Mapping[str, str]) -> int:
    """Return NVML's index of CUDA's device ``number``."""
    shown = _shown(nvml, handles, environment)
    if number >= len(shown):
        value = environment.get("CUDA_VISIBLE_DEVICES")
        seen = f"CUDA_VISIBLE_DEVICES={value} shows {len(shown)}" if value is not None else f"there are {len(shown)}"
        raise BoardUnavailableError(f"cuda:{number} does not exist: {seen}", "choose another device")
    index, by_name = shown[number]
    if index is None:
        raise _mig_error(None)
    if len(handles) > 1 and not by_name and environment.get("CUDA_DEVICE_ORDER", "FASTEST_FIRST") != "PCI_BUS_ID":
        raise BoardUnavailableError(
            f"CUDA_DEVICE_ORDER lets CUDA order {len(handles)} boards by speed, so that cuda:{number} may be any",
            "unset CUDA_DEVICE_ORDER, or set it to PCI_BUS_ID",
        )
    return index


def _index(nvml: Any, handles: list[Any], entry: str) -> int | None:
    if entry.isdigit():
        return int(entry) if int(entry) < len(handles) else None
    if not entry.casefold().startswith("gpu-"):
        return None
    uuids = [text_of(ask(nvml, partial(nvml.nvmlDeviceGetUUID, handle)) or "").casefold() for handle in handles]
    named = [index for index, uuid in enumerate(uuids) if uuid.startswith(entry.casefold())]
    return named[0] if len(named) == 1 else None


def _mig_error(index: int | None) -> BoardUnavailableError:
    which = "" if index is None else f" -i {index}"
    return BoardUnavailableError(
        "MIG is on: the board's readings cover all its instances together",
        f"measure on an undivided board (sudo nvidia-smi{which} -mig 0)",
    )


def _identity(nvml: Any, handle: Any) -> dict[str, str]:
    readers = {
        "name": lambda: nvml.nvmlDeviceGetName(handle),
        "uuid": lambda: nvml.nvmlDeviceGetUUID(handle),
        "pci_address": lambda: pci_address(text_of(nvml.nvmlDeviceGetPciInfo(handle).busId)),
    }
    values = {key: ask(nvml, read) for key, read in readers.items()}
    return {key: text_of(value) for key, value in values.items() if value}


def _on_superchip(nvml: Any, handle: Any) -> bool:
    linked = ask(nvml, lambda: nvml.nvmlDeviceGetC2cModeInfoV(handle).isC2cEnabled)
    if linked is not None:
        return bool(linked)
    return bool(_SUPERCHIP.search(text_of(ask(nvml, lambda: nvml.nvmlDeviceGetName(handle)) or "")))


def ask(nvml: Any, read: Any) -> Any:
    """Return ``read()``, or None if the board, the driver or the binding does not support it."""
    try:
        return read()
    except (nvml.NVMLError, AttributeError):
        return None


def text_of(value: Any) -> str:
    """Decode what older bindings return as bytes."""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
