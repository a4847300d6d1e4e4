"""What a meter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from profiler.records.quantity import Grade


@dataclass(frozen=True, slots=True)
class MeterProbe:
    """Whether a meter can be read here; if not, why, and how to enable it.

    ``scope`` and ``grade`` are those its readings would have on this hardware.
    """

    available: bool
    reason: str = ""
    remedy: str = ""
    scope: str = ""
    grade: Grade = "measured"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a meter.

    ``energy_j`` is in joules since the meter was created, None for a meter that reads only power; ``power_w`` is None
    for one that only counts energy. ``fault`` is empty, or a code of
    :data:`profiler.devices.metering.faults.FAULTS` for what happened since the previous look.
    """

    energy_j: float | None
    power_w: float | None = None
    fault: str = ""


class MeterLostError(Exception):
    """The meter can be read no longer: ``args[0]`` says why. What it had read until then stays."""


class Meter(ABC):
    """Reads the energy of one piece of hardware: a cumulative counter, instant power, or both.

    Instances carry what depends on the hardware found: ``scope`` (what the joules cover), ``grade`` of its readings,
    ``device`` (which board), ``power_source`` (what its power reading is).
    """

    name: ClassVar[str]
    covers: ClassVar[str]
    """The kind of hardware, for people."""
    device_types: ClassVar[tuple[str, ...]] = ()
    """The accelerators it may read, as PyTorch calls their type (``cuda``); empty for a meter of the host's processor.
    The joules of one are never given as the other's."""
    makers: ClassVar[tuple[str, ...]] = ()
    """The makers of the accelerators it reads, as :mod:`profiler.inventory` names them; empty for any."""
    sample_interval_s: ClassVar[float] = 0.1

    scope: str
    grade: Grade = "measured"
    power_source: str = ""
    power_period_s: float = 0.0
    """How old a power reading may be; it bounds the error of integrated power at each edge."""
    max_interval_s: float = 60.0
    """Longest time between two looks: more is a gap, and a counter might have wrapped twice."""
    max_power_w: float = 10_000.0
    """More than the hardware can draw: a counter that rises faster has jumped."""

    def __init__(self) -> None:
        self.device: dict[str, str] = {}

    @classmethod
    @abstractmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Look, without opening anything that could disturb a run.

        ``accelerator`` is what :meth:`Backend.accelerator` gives (None: the host's processor); ``environment`` is the
        worker's, which may renumber accelerators.
        """

    @classmethod
    def candidates(cls, environment: Mapping[str, str]) -> tuple[str | None, ...]:
        """The hardware on this machine that it might read, as :meth:`probe` wants it."""
        return (None,)

    @classmethod
    @abstractmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> Meter:
        """The meter, after :meth:`probe` said that it is available.

        Raises:
            MeterLostError: If it is so no longer.
        """

    @abstractmethod
    def look(self) -> Look:
        """Read now. Energy never falls between two looks without a fault.

        Raises:
            MeterLostError: If the meter is gone.
        """

    def close(self) -> None:  # noqa: B027 - a meter of files has nothing to let go of
        """Let go of what was opened."""
