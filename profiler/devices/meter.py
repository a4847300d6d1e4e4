"""The contract of energy meters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from profiler.records.quantity import Grade


@dataclass(frozen=True, slots=True)
class MeterProbe:
    """Whether a meter can be read here; if not, why, and how to enable it.

    ``scope`` and ``grade`` are those of its readings on this hardware.
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
    """The meter can no longer be read: ``args[0]`` says why. Earlier readings remain valid."""


class Meter(ABC):
    """Reads the energy of one piece of hardware: a cumulative counter, instant power, or both.

    Instances carry what depends on the hardware found: ``scope`` (what the joules cover), ``grade`` of its readings,
    ``device`` (which board), ``power_source`` (what its power reading is).
    """

    name: ClassVar[str]
    covers: ClassVar[str]
    """The kind of hardware, in words."""
    device_types: ClassVar[tuple[str, ...]] = ()
    """The accelerators it may read, as PyTorch calls their type (``cuda``); empty for a meter of the host's processor.
    Joules of one are never reported as the other's."""
    makers: ClassVar[tuple[str, ...]] = ()
    """The makers of the accelerators it reads, as the inventory names them; empty for any."""
    sample_interval_s: ClassVar[float] = 0.1

    scope: str
    grade: Grade = "measured"
    power_source: str = ""
    power_period_s: float = 0.0
    """The greatest age of a power reading; it bounds the error of integrated power at each edge."""
    max_interval_s: float = 60.0
    """The longest time between two looks: beyond it, a counter might have wrapped twice."""
    max_power_w: float = 10_000.0
    """More than the hardware can draw: a counter that rises faster jumped."""

    def __init__(self) -> None:
        self.device: dict[str, str] = {}

    @classmethod
    @abstractmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Return whether the meter works here, without opening anything that could disturb a run.

        ``accelerator`` comes from :meth:`Backend.accelerator` (None: the host's processor); ``environment`` is the
        worker's, which may renumber accelerators.
        """

    @classmethod
    def candidates(cls, environment: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return the hardware on this machine that it might read, in the form :meth:`probe` takes."""
        return (None,)

    @classmethod
    @abstractmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> Meter:
        """Open the meter, once :meth:`probe` found it available.

        Raises:
            MeterLostError: If it is no longer available.
        """

    @abstractmethod
    def look(self) -> Look:
        """Read now. Energy never decreases between two looks without a fault.

        Raises:
            MeterLostError: If the meter is gone.
        """

    def close(self) -> None:  # noqa: B027 - a meter of files holds nothing open
        """Release what was opened."""
