"""``targets/TARGET.json``: one target of a run, what came of it, and every figure derived from that.

A field's name carries its unit. Times are nanoseconds of the monotonic clock, relative to the start they name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from backends.contract.backend import DeviceMemory, EngineFacts, Trial
from backends.contract.compiled import Compiled
from backends.operators import OperatorPlacement
from profiler.records.host import Host
from profiler.records.quantity import Grade, Quantity

RECORD_SCHEMA = "chipassay.record/1"

Status = Literal["ok", "modelled", "not_comparable", "failed", "unavailable"]
"""``modelled``: the chip is not here, and its vendor's compiler and simulator were asked instead; it takes no part in
conclusions about what was measured. ``not_comparable``: it ran, or was simulated, but differs too much from the
reference, so it takes no part in any."""


@dataclass(frozen=True, slots=True)
class Spoiler:
    """Something that disturbed a repetition: which detector, what it read, and the threshold it went past."""

    detector: str
    value: float
    threshold: float
    unit: str


@dataclass(frozen=True, slots=True)
class Repetition:
    """The raw sample: one prefill and decode.

    ``start_ns`` is monotonic (shared by all processes of the machine until it reboots); ``token_ns`` are offsets from
    it, one per output token. ``token_ids`` is ``[batch][output_tokens]``. ``clock_gap_ns`` is given where a device's
    clock timed the tokens: how far the host's clock was from it over the whole repetition.
    """

    start_ns: int
    token_ns: tuple[int, ...]
    token_ids: tuple[tuple[int, ...], ...]
    warmup: bool = False
    spoilers: tuple[Spoiler, ...] = ()
    clock_gap_ns: int | None = None


def counted(repetitions: Iterable[Repetition]) -> tuple[Repetition, ...]:
    """Return the repetitions that are not warm-up."""
    return tuple(repetition for repetition in repetitions if not repetition.warmup)


def decode_rate(repetition: Repetition) -> float | None:
    """Return the decoded tokens per second of all sequences together; the first token belongs to prefill."""
    steps = len(repetition.token_ns) - 1
    if steps < 1:
        return None
    return steps * len(repetition.token_ids) / ((repetition.token_ns[-1] - repetition.token_ns[0]) / 1e9)


@dataclass(frozen=True, slots=True)
class ParityScore:
    """How close the target's teacher-forced logits are to the float32 reference on the same tokens.

    Lists have one entry per scored position: whether the most likely token agrees, the KL divergence of the target from
    the reference in nats, the largest absolute logit error. ``thresholds`` are those of the target's precision.
    """

    positions: int
    top1_agreement: float
    kl_mean: float
    max_abs_logit_error: float
    passed: bool
    thresholds: dict[str, float]
    top1: tuple[bool, ...]
    kl: tuple[float, ...]
    abs_logit_error: tuple[float, ...]
    greedy_prefix_tokens: int
    """Leading output tokens that free-running generation shares with the reference (row 0)."""

    @property
    def shortfall(self) -> str:
        """What a score that did not pass lacks, each figure against its limit."""
        limits, missed = self.thresholds, []
        if self.top1_agreement < limits["top1_agreement_min"]:
            missed.append(f"top-1 agreement {self.top1_agreement:.2f} is below {limits['top1_agreement_min']:g}")
        if self.kl_mean > limits["kl_mean_max"]:
            missed.append(f"mean KL divergence {self.kl_mean:.2g} nats is above {limits['kl_mean_max']:g}")
        if self.max_abs_logit_error > limits["max_abs_logit_error_max"]:
            limit = limits["max_abs_logit_error_max"]
            missed.append(f"a logit is off by {self.max_abs_logit_error:.2g}, above {limit:g}")
        return ", ".join(missed)


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """The worker's memory in bytes, by the kernel's own accounts (``/proc/self/status``)."""

    peak_resident_bytes: int
    """VmHWM: the largest resident set the process ever had, file-backed pages included."""
    anonymous_bytes: int | None
    """RssAnon when the measurement ended; None where the kernel does not tell."""
    file_bytes: int | None
    """RssFile when the measurement ended: mapped files, such as weights left in the page cache."""


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
    """How far the samples of a meter with a clock of its own may lie from their moments on ours."""


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """A stretch of back-to-back work of one kind, long enough for a meter: joules and tokens come from the same window.

    ``prefill`` generates one token a time, ``generate`` all of them, ``idle`` does nothing with the model loaded.
    ``generations`` counts whole runs of the workload within it.
    """

    phase: Literal["generate", "prefill", "idle"]
    begin_ns: int
    end_ns: int
    generations: int


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target has no figures: the reason, what to do, and the end of the worker's standard error."""

    reason: str
    remedy: str = ""
    stderr_tail: str = ""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The one record that a ``measure`` worker sends when it is done: raw samples and facts, nothing derived."""

    engine: EngineFacts
    pid: int
    load_s: float
    repetitions: tuple[Repetition, ...]
    warmup_steady: bool
    """Whether warm-up ended because times had settled, not because its limit was reached."""
    stop_reason: str
    parity: ParityScore
    memory: MemoryReading
    packages: dict[str, str]
    environment: dict[str, str]
    inventory: Host | None = None
    """The machine as this worker saw it: with many machines, many inventories."""
    device_memory: DeviceMemory | None = None
    """The accelerator's memory by its allocator; None where the model lived in the host's."""
    trials: tuple[Trial, ...] = ()
    """What was tried to find the fastest way to execute here; none of it is in the repetitions."""
    energy_windows: tuple[EnergyWindow, ...] = ()
    """Made after the repetitions where these were too short for the meter."""
    operators: tuple[OperatorPlacement, ...] = ()
    """Where each operator ran, read from the run; empty where the engine does not tell."""

    @property
    def counted(self) -> tuple[Repetition, ...]:
        """Repetitions that are not warm-up."""
        return counted(self.repetitions)


@dataclass(frozen=True, slots=True)
class ExamineReport:
    """The one record that an ``examine`` worker sends: what a vendor's tools say of a chip that is not here.

    ``parity`` compares the simulator's logits with the float32 reference, within ``compiled.parity_scope``; None where
    the tool computes nothing.
    """

    compiled: Compiled
    operators: tuple[OperatorPlacement, ...] = ()
    parity: ParityScore | None = None
    inventory: Host | None = None


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """One target of a bundle: its raw samples and every figure derived from them.

    ``metrics`` is keyed by metric name (``ttft``, ``decode_throughput``, ...). A failed or unavailable target has a
    ``failure`` and no ``worker``; one that is not comparable has both.
    """

    schema: str
    id: str
    backend: str
    device: str
    precision: str
    status: Status
    threads: int
    model_digest: str
    workload_digest: str
    metrics: dict[str, Quantity] = field(default_factory=dict)
    worker: WorkerReport | None = None
    energy: EnergyReading | None = None
    preparation: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    accelerator: str | None = None
    """The accelerator it ran on, as PyTorch would name it (``cuda:0``); None for the host's processor."""
    energy_reason: str = ""
    """Why ``energy`` is None."""
    host_energy: EnergyReading | None = None
    """The host's processor packages meanwhile, for a target on an accelerator."""
    telemetry: Telemetry | None = None
    telemetry_reason: str = ""
    """Why ``telemetry`` is None."""
    power_model: PowerModel | None = None
    """Bounds for energy where nothing could be metered, only if they were asked for."""
    sampler: SamplerCost | None = None
    """What metering and watching cost; None where nothing was sampled."""
    second_energy: EnergyReading | None = None
    """Another meter of the same scope as ``energy``'s, read beside it to check it."""
    wall_energy: EnergyReading | None = None
    """The whole machine at the wall socket; it stands in for ``energy`` where that is None."""
    wall_reason: str = ""
    """Why there is no ``wall_energy`` although a wall meter was named."""
    examined: ExamineReport | None = None
    """In place of ``worker`` where the chip is not here and its vendor's tools were asked."""
    chip_id: str | None = None
    """The catalogue's id of the chip that a vendor's tools were asked about, empty where the catalogue does not hold
    it; None for a target that runs on hardware."""

    @property
    def compiler_path(self) -> bool:
        """Whether a vendor's tools were asked about a chip that is not here, whatever came of it."""
        return self.chip_id is not None or self.examined is not None

    @property
    def parity(self) -> ParityScore | None:
        """How close it came to the reference; None where nothing was computed."""
        if self.worker is not None:
            return self.worker.parity
        return self.examined.parity if self.examined is not None else None

    @property
    def operators(self) -> tuple[OperatorPlacement, ...]:
        """Where its operators run, as far as it is known."""
        report = self.worker or self.examined
        return report.operators if report is not None else ()
