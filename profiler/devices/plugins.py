"""The device plug-ins that are installed, found through the entry-point group ``chipassay.devices``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import entry_points

from profiler.devices.bus.makers import Maker, listed_makers
from profiler.devices.device import Check, Device
from profiler.devices.meter import Meter
from profiler.devices.monitor import Monitor
from profiler.devices.screen.monitor import monitor_of
from profiler.devices.screen.tool import Tool

GROUP = "chipassay.devices"


@dataclass(frozen=True)
class Plugins:
    """The loaded plug-ins in order of rank and name; ``broken`` maps those that cannot be loaded to the reason."""

    devices: tuple[Device, ...]
    broken: dict[str, str] = field(default_factory=dict)

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """Vendor tools, the most trusted first."""
        return tuple(tool for device in self.devices for tool in device.tools)

    @cached_property
    def meters(self) -> tuple[type[Meter], ...]:
        """Meters that are found without the user's help, best first for the hardware they read."""
        return tuple(meter for device in self.devices for meter in device.meters)

    @cached_property
    def monitors(self) -> tuple[type[Monitor], ...]:
        """Monitors; the first that covers an accelerator watches it, so libraries come before programs."""
        libraries = tuple(monitor for device in self.devices for monitor in device.monitors)
        return libraries + tuple(monitor_of(tool) for tool in self.tools)

    @cached_property
    def makers(self) -> dict[str, Maker]:
        """Makers by PCI vendor id; what a plug-in declares takes precedence."""
        declared = (device.maker for device in self.devices if device.maker)
        return listed_makers() | {vendor_id: maker for maker in declared for vendor_id in maker.pci_ids}

    def makers_of(self, device_type: str) -> set[str]:
        """Return the makers whose boards PyTorch may call ``device_type``."""
        by_tool = {tool.maker.name for tool in self.tools if device_type in tool.device_types}
        return by_tool | {d.maker.name for d in self.devices if d.maker and device_type in d.device_types}

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What ``chipassay doctor`` checks on the devices."""
        return tuple(check for device in self.devices for check in device.checks)


@cache
def installed() -> Plugins:
    """Load every plug-in once a process; one that fails is listed under ``broken`` and stops nothing else."""
    devices: dict[str, Device] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        if point.name in devices:
            continue
        try:
            device = point.load()
        except Exception as error:  # noqa: BLE001 - somebody else's code may fail in any way
            broken[point.name] = f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
            continue
        if isinstance(device, Device):
            devices[point.name] = device
        else:
            broken[point.name] = f"{point.value} is not a profiler.devices.device.Device"
    return Plugins(tuple(sorted(devices.values(), key=lambda device: (device.rank, device.name))), broken)


def pci_vendor(vendor_id: str) -> Maker | None:
    """Return the maker behind four hexadecimal digits."""
    return installed().makers.get(vendor_id)
