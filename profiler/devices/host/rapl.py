"""RAPL through powercap: the energy of the processor packages, as the processor itself counts it (Intel and AMD).

Only ``package-*`` domains are summed: ``core``, ``uncore`` and ``dram`` lie inside or beside them, ``psys`` is the
platform, and the ``intel-rapl-mmio`` tree repeats the packages (Linux: Documentation/power/powercap/powercap.rst).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.counter import Counter

ROOT = Path("/sys/class/powercap")
PLAUSIBLE_MAX_POWER_W = 2000.0
"""More than any package draws; it bounds how soon a counter can wrap twice."""


@dataclass(slots=True)
class _Package:
    """One counter, in microjoules, and its file."""

    path: Path
    counter: Counter


def packages(root: Path) -> list[Path]:
    """Return the package domains below ``root``, one per processor package."""
    zones = []
    for zone in sorted(root.glob("intel-rapl:*")):
        name = zone / "name"
        if zone.name.count(":") == 1 and name.is_file() and name.read_text().strip().startswith("package-"):
            zones.append(zone)
    return zones


class Rapl(Meter):
    """The sum of all packages; modular differences correct wrap-around."""

    name = "rapl"
    covers = "the host's processor packages (Intel, AMD)"
    scope = "package"
    root = ROOT
    max_interval_s = float("inf")

    @classmethod
    def probe(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> MeterProbe:
        """Return whether the packages' counters are readable."""
        zones = packages(cls.root)
        if not zones:
            return MeterProbe(
                False,
                "no RAPL package domain under /sys/class/powercap (usual in virtual machines and containers)",
                "run on the bare machine, or load the kernel module intel_rapl_msr",
            )
        try:
            for zone in zones:
                (zone / "energy_uj").read_text()
        except PermissionError:
            return MeterProbe(
                False,
                "RAPL is present, but only root may read energy_uj",
                "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
            )
        except OSError as error:
            return MeterProbe(False, f"RAPL cannot be read: {error.strerror}", "check the kernel's RAPL driver")
        return MeterProbe(True, scope=cls.scope)

    @classmethod
    def open(cls, accelerator: str | None = None, environment: Mapping[str, str] | None = None) -> Rapl:
        """Open all packages of the machine."""
        try:
            return cls()
        except (OSError, ValueError) as error:
            raise MeterLostError(str(error)) from error

    def __init__(self) -> None:
        super().__init__()
        self._packages = []
        for zone in packages(self.root):
            range_uj = int((zone / "max_energy_range_uj").read_text())
            counter = Counter(_read(zone / "energy_uj"), (range_uj + 1,), always=True)
            self._packages.append(_Package(zone / "energy_uj", counter))
            # Half the time the smallest counter needs to wrap at the highest plausible power.
            self.max_interval_s = min(self.max_interval_s, range_uj / 1e6 / PLAUSIBLE_MAX_POWER_W / 2)
        self.max_power_w = PLAUSIBLE_MAX_POWER_W * len(self._packages)

    def look(self) -> Look:
        """Return the joules of all packages since creation."""
        faults = []
        for package in self._packages:
            try:
                faults.append(package.counter.advance(_read(package.path)))
            except (OSError, ValueError) as error:
                raise MeterLostError(f"{package.path.parent.name}: {error}") from error
        return Look(
            sum(package.counter.total for package in self._packages) / 1e6, fault=next(filter(None, faults), "")
        )


def _read(path: Path) -> int:
    return int(path.read_text())
