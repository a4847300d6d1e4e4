"""The meters and the monitor of one target: one channel a role, opened here and nowhere else.

A new role (a PDU, a BMC) is one function in :data:`OPENERS`; records and watch take any role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from profiler.devices.maker import SeveralMakersError, maker_behind
from profiler.devices.metering.stream import MeterStream
from profiler.devices.meters import METERS, Meter, MeterLostError
from profiler.devices.monitors import MONITORS, Monitor
from profiler.devices.wall import Wall
from profiler.records.readings import HOST, SECOND, TARGET, WALL

Opened = TypeVar("Opened", bound=Any)


Stream = MeterStream | Wall
"""What a watch does with a meter: it samples the meter, or the meter's own thread collects readings."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One role: the meter that has it, or why none does."""

    role: str
    stream: Stream | None
    reason: str = ""

    @property
    def gives_joules(self) -> bool:
        """Return whether its joules may be the target's: windows are then made long enough for it."""
        return self.stream is not None and self.role in (TARGET, WALL)


@dataclass(frozen=True, slots=True)
class Instruments:
    """What can be read while a target runs; ``monitor_reason`` says why there is no monitor."""

    channels: tuple[Channel, ...] = ()
    monitor: Monitor | None = None
    monitor_reason: str = ""

    @property
    def metered(self) -> bool:
        """Return whether anything here gives the target's joules."""
        return any(channel.gives_joules for channel in self.channels)

    def channel(self, role: str) -> Channel:
        """Return the channel of ``role``; an empty one if nothing has that role here."""
        return next((channel for channel in self.channels if channel.role == role), Channel(role, None))


@dataclass(frozen=True, slots=True)
class Site:
    """Where a target runs: its accelerator (None: the host's processor), the worker's environment, and the wall meter
    that the user named. ``trouble`` says why it is open which maker's accelerator this is.
    """

    accelerator: str | None
    environment: Mapping[str, str]
    wall_meter: str = ""
    maker: str | None = None
    trouble: str = ""

    def open_first(self, kinds: Sequence[type[Opened]], what: str) -> tuple[Opened | None, str]:
        """Open the first of ``kinds`` that reads the hardware that executes, or return why none can."""
        if self.trouble:
            return None, self.trouble
        if self.accelerator is None:
            return _first(_of_host(kinds), None, self.environment)
        device_type = self.accelerator.partition(":")[0]
        fit = [kind for kind in kinds if device_type in kind.device_types]
        fit = [kind for kind in fit if self.maker is None or not kind.makers or self.maker in kind.makers]
        opened, reason = _first(fit, self.accelerator, self.environment)
        return opened, reason or ("" if opened else f"no {what} here reads accelerators of type {device_type}")


def open_instruments(accelerator: str | None, environment: Mapping[str, str], wall_meter: str = "") -> Instruments:
    """Open the meters and the monitor of a target's hardware, and the wall meter that is named."""
    site = Site(accelerator, environment, wall_meter)
    monitor, reason = None, "the host's processor is watched by the worker itself"
    if accelerator is not None:
        try:
            site = replace(site, maker=maker_behind(accelerator))
        except SeveralMakersError as error:
            site = replace(site, trouble=str(error))
        monitor, reason = site.open_first(MONITORS, "monitor")
    return Instruments(tuple(channel for opener in OPENERS for channel in opener(site)), monitor, reason)


def _target(site: Site) -> Iterator[Channel]:
    """Open the meter of the hardware that executes, and another of the same scope to check it."""
    meter, reason = site.open_first(METERS, "meter")
    yield metered(TARGET, meter, reason)
    if meter is None or site.accelerator is not None:
        return
    # One of another scope checks nothing, and may be slow to read.
    others = [kind for kind in _of_host(METERS) if not isinstance(meter, kind)]
    alike = [kind for kind in others if kind.probe(None, site.environment).scope == meter.scope]
    second, _ = _first(alike, None, site.environment)
    if second is not None:
        yield metered(SECOND, second)


def _host(site: Site) -> Iterator[Channel]:
    """Open the meter of the host's processor beside an accelerator."""
    if site.accelerator is not None:
        yield metered(HOST, *_first(_of_host(METERS), None, site.environment))


def _wall(site: Site) -> Iterator[Channel]:
    """Open the wall meter that is named."""
    if site.wall_meter:
        try:
            yield Channel(WALL, Wall.open(site.wall_meter))
        except MeterLostError as error:
            yield Channel(WALL, None, str(error))


OPENERS: tuple[Callable[[Site], Iterator[Channel]], ...] = (_target, _host, _wall)
"""One function a meter, or a meter with its check; each yields its channels for a site."""


def metered(role: str, meter: Meter | None, reason: str = "") -> Channel:
    """Return the channel of a meter that the watch samples."""
    return Channel(role, MeterStream(meter) if meter is not None else None, reason)


def _of_host(kinds: Sequence[type[Opened]]) -> list[type[Opened]]:
    return [kind for kind in kinds if not kind.device_types]


def _first(
    kinds: Sequence[type[Opened]], accelerator: str | None, environment: Mapping[str, str]
) -> tuple[Opened | None, str]:
    """Open the first kind that can be read, or return why none can: the reasons that can be helped, if any."""
    reasons, hopeless = [], []
    for kind in kinds:
        probe = kind.probe(accelerator, environment)
        if not probe.available:
            if probe.remedy:
                reasons.append(f"{kind.name}: {probe.reason}; to enable: {probe.remedy}")
            else:
                hopeless.append(f"{kind.name}: {probe.reason}")
            continue
        try:
            return kind.open(accelerator, environment), ""
        except MeterLostError as error:
            reasons.append(f"{kind.name}: it was there and is gone: {error}")
    return None, " | ".join(reasons or hopeless)
