"""What a device plug-in is: everything chipassay knows of one maker's devices, in one object.

A plug-in is one file that defines a :class:`Device` and one entry point in the group ``chipassay.devices``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from profiler.devices.meter import Meter
from profiler.devices.monitor import Monitor
from profiler.devices.screen.tool import Tool
from profiler.host.finding import Finding, Machine
from profiler.records.findings import Findings

Check = Callable[[Machine], list[Finding]]
"""Look at the maker's devices before a run; must not raise."""

Library = Callable[[bool], Findings]
"""Describe the devices through the maker's library; the argument says whether the PCI bus shows one of them."""


@dataclass(frozen=True, slots=True)
class Device:
    """One kind of device. What a maker does not offer stays an empty tuple.

    ``vendor_id`` (PCI) and ``device_types`` (PyTorch's words) are for devices that no tool in ``tools`` reads. ``rank``
    orders plug-ins, lowest first; the first source that describes a device is believed. ``monitors`` are those that
    read a library: each tool brings its own monitor.
    """

    name: str
    rank: int = 50
    vendor_id: str = ""
    device_types: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    libraries: tuple[Library, ...] = ()
    meters: tuple[type[Meter], ...] = ()
    monitors: tuple[type[Monitor], ...] = ()
    checks: tuple[Check, ...] = ()
