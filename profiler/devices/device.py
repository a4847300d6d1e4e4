"""What a device plug-in is: everything chipassay knows about one maker's devices, in one object.

A plug-in is one file that defines a :class:`Device` and one entry point in the group ``chipassay.devices``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from profiler.devices.bus.makers import Maker
from profiler.devices.meter import Meter
from profiler.devices.monitor import Monitor
from profiler.devices.screen.tool import Tool
from profiler.host.finding import Finding, Machine
from profiler.records.findings import Findings

Check = Callable[[Machine], list[Finding]]
"""Check the maker's devices before a run; must not raise."""

Library = Callable[[bool], Findings]
"""Describe the devices through the maker's library; the argument says whether the PCI bus shows one of them."""


@dataclass(frozen=True, slots=True)
class Device:
    """One kind of device. What a maker does not offer stays an empty tuple.

    ``maker`` declares the PCI vendor ids. ``device_types`` are PyTorch's words for devices that no tool in ``tools``
    reads. ``rank`` orders plug-ins, lowest first; the first source that describes a device is believed. ``monitors``
    read a library: each tool brings its own monitor. ``packages`` and ``shared_objects`` are regular expressions for
    the maker's Python packages and for the libraries that a process has mapped; the inventory lists what matches.
    """

    name: str
    rank: int = 50
    maker: Maker | None = None
    device_types: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    libraries: tuple[Library, ...] = ()
    meters: tuple[type[Meter], ...] = ()
    monitors: tuple[type[Monitor], ...] = ()
    checks: tuple[Check, ...] = ()
    packages: tuple[str, ...] = ()
    shared_objects: tuple[str, ...] = ()
