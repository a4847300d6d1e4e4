"""What meters and monitors saw while a target ran, and what stands in for a meter."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiler.records.quantity import Grade

TARGET = "target"
"""The role of the meter of the hardware that executes the target: its board, or the host's processor."""
SECOND = "second"
"""Another meter of that hardware: a check of the first."""
HOST = "host"
"""The host's processor beside an accelerator."""
WALL = "wall"
"""The whole machine at its wall socket; it stands in where the target's hardware has no meter."""


@dataclass(frozen=True, slots=True)
class PowerSample:
    """A meter's cumulative energy at a moment of the monotonic clock.

    ``integrated_j`` is the same energy by a second way, polled power integrated by trapezoid; None where the meter has
    no power reading.
    """

    at_ns: int
    energy_j: float
    integrated_j: float | None = None


@dataclass(frozen=True, slots=True)
class MeterFault:
    """A stretch of time in which a meter cannot be trusted; ``code`` is one of the meters' ``FAULTS``."""

    code: str
    begin_ns: int
    end_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class SamplerCost:
    """What sampling took: processor seconds of the sampling thread, wall-clock seconds it ran, times it looked."""

    cpu_s: float
    wall_s: float
    reads: int


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """What one meter saw while the worker ran; ``samples`` are cumulative, wrap-around already undone.

    A long stream is thinned, which cumulative samples bear without loss: those beside the edge of any window that a
    figure uses are kept, and ``samples_taken`` counts all. Faults were looked for before thinning.
    """

    meter: str
    scope: str
    """What the joules cover: ``package``, ``board``, ``module`` (a superchip's processor and accelerator together),
    ``whole machine`` (behind its power supply), ``wall`` (before it)."""
    resolution_j: float
    idle_before_ns: tuple[int, int]
    idle_after_ns: tuple[int, int]
    samples: tuple[PowerSample, ...]
    grade: Grade = "measured"
    """``derived`` where the meter has no energy counter and ``energy_j`` is integrated power."""
    update_period_s: float | None = None
    """How often the counter changes, found by reading it back to back before the run; None if it was not looked for."""
    power_source: str = ""
    """What ``integrated_j`` integrates."""
    device: dict[str, str] = field(default_factory=dict)
    """The board that was read (``name``, ``pci_address``); empty for the host's processor."""
    faults: tuple[MeterFault, ...] = ()
    samples_taken: int = 0
    longest_gap_s: float = 0.0
    clock_uncertainty_s: float = 0.0
    """How far the samples of a meter with a separate clock may be from their moments on the host's clock."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one role's meter saw, or why nothing was read.

    ``role`` is one of this module's, or another that a later release adds: a reader keeps roles it does not know.
    """

    role: str
    energy: EnergyReading | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Bounds of the power that hardware draws while it works, from the chip catalogue; nothing in it was measured here.

    ``name`` is the model's, ``chip_ids`` what the hardware is, or may be; ``sources`` back the design power.
    """

    name: str
    scope: str
    chip_ids: tuple[str, ...]
    least_w: float
    most_w: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceProcess:
    """A process that used the device and is none of ours; ``name`` is empty where the system hides it."""

    pid: int
    name: str
    memory_bytes: int | None
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Polling:
    """How a vendor's tool was polled: the command, the period, the time one call takes, and how many calls failed."""

    command: str
    period_s: float
    call_s: float
    calls: int
    failed_calls: int = 0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A device's state while its target ran, one column a figure (its unit in its name), None where unread.

    ``clock_event_reasons`` is NVML's bit mask. Of a long run, only evenly spaced rows are kept:
    ``samples_taken`` counts all, and ``extremes`` are lowest and highest of all. What marks a repetition was
    decided on all of them. ``unresolved_processes`` is the most at one time that the device named by a number which
    means nothing here (another pid namespace), so that they can be told neither from ours nor from others'.
    """

    version: int
    source: str
    device: dict[str, str]
    samples_taken: int
    at_ns: tuple[int, ...]
    columns: dict[str, tuple[float | None, ...]]
    extremes: dict[str, tuple[float, float]]
    processes: tuple[DeviceProcess, ...]
    unresolved_processes: int
    clock_events: dict[str, float]
    """Why clocks were below the highest -> the part of all samples in which it held."""
    unread: dict[str, str]
    """Column -> why it could not be read."""
    polling: Polling | None = None
    """None for a library that is called directly."""
    power_scope: str = ""
    """What the watts cover where that is not this device alone."""
    caveat: str = ""
    """Why these figures deserve less trust than others; empty where nothing is known against them."""
