"""What tools print in the second of two lines a device, in the layout that nvidia-smi made usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from re import Match
from typing import Any

from profiler.devices.screen.card import Sensors
from profiler.devices.screen.fields import COUNT, FIGURE, celsius, mebibytes, share, told, watts


def sensors_of(line: Sequence[str], limit: str) -> Sensors:
    """The state in three cells (fan, temperature and power; memory; utilisation); ``limit`` matches the power limit."""
    return Sensors(
        power_w=watts(line[0], rf"{FIGURE}\s*W\s*/"),
        power_limit_w=watts(line[0], limit),
        temperature_c=celsius(line[0], rf"{FIGURE}\s*C\b"),
        utilisation=share(line[2], rf"^{FIGURE}\s*%"),
        memory_used_bytes=mebibytes(line[1], rf"^{COUNT}\s*MiB\s*/"),
        memory_total_bytes=total_bytes(line),
    )


def total_bytes(line: Sequence[str]) -> int | None:
    """All memory of the device; None if this is no such line."""
    return mebibytes(line[1], rf"/\s*{COUNT}\s*MiB")


def details_of(index: int, address: str, sensors: Sensors, versions: Mapping[str, Match[str] | None]) -> dict[str, Any]:
    """What the inventory keeps of the device."""
    return {
        "index": index,
        "pci_address": address,
        "total_bytes": sensors.memory_total_bytes,
        "power_limit_w": sensors.power_limit_w,
        **{key: told(match[1]) for key, match in versions.items() if match},
    }
