"""``targets/TARGET.json``: one target of a run, what came of it, and every figure derived from that.

A field's name carries its unit. Times are nanoseconds of the monotonic clock, relative to the start they name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from backends.contract.backend import DeviceMemory, EngineFacts, ExpertUse, Trial
from backends.contract.compiled import Compiled
from backends.operators import OperatorPlacement
from backends.qwen.model import ModelSpec
from profiler.records.host import Host
from profiler.records.parity import ParityScore
from profiler.records.plausibility import plausible
from profiler.records.quantity import Quantity
from profiler.records.readings import (
    TARGET,
    EnergyReading,
    PowerModel,
    Reading,
    SamplerCost,
    Telemetry,
)

RECORD_SCHEMA = "chipassay.record/2"

Status = Literal["ok", "sampled", "modelled", "not_comparable", "failed", "unavailable"]
"""``sampled``: it ran at some depths of the model, and its figures are extended to the whole depth; it takes no part in
conclusions about what ran whole. ``modelled``: the chip is not here, and its vendor's compiler and simulator were asked
instead; it takes no part in conclusions about what was measured. ``not_comparable``: it ran, or was simulated, but
differs too much from the reference, so it takes no part in any."""


@dataclass(frozen=True, slots=True)
class Spoiler:
    """Something that disturbed a repetition: which detector, what it read, and the threshold it went past."""

    detector: str
    value: float
    threshold: float
    unit: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A later turn of a conversation: ``token_ns`` are offsets from ``start_ns``, when its ids were handed over."""

    start_ns: int
    token_ns: tuple[int, ...]
    token_ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """The raw sample: one prefill and decode, and in a conversation the turns after that.

    ``start_ns`` is monotonic (shared by all processes of the machine until it reboots); ``token_ns`` are offsets from
    it, one per output token. ``token_ids`` is ``[batch][output_tokens]``. ``clock_gap_ns`` is given where a device's
    clock timed the tokens: how far the host's clock was from it over the whole repetition. ``image_ns`` is the part of
    the time to the first token in which the vision tower ran.
    """

    start_ns: int
    token_ns: tuple[int, ...]
    token_ids: tuple[tuple[int, ...], ...]
    warmup: bool = False
    spoilers: tuple[Spoiler, ...] = ()
    clock_gap_ns: int | None = None
    image_ns: int | None = None
    turns: tuple[Turn, ...] = ()


def counted(repetitions: Iterable[Repetition]) -> tuple[Repetition, ...]:
    """Return the repetitions that are not warm-up."""
    return tuple(repetition for repetition in repetitions if not repetition.warmup)


def decode_rate(repetition: Repetition) -> float | None:
    """Return the decoded tokens per second of all sequences together; the first token belongs to prefill."""
    steps = len(repetition.token_ns) - 1
    if steps < 1:
        return None
    return steps * len(repetition.token_ids) / ((repetition.token_ns[-1] - repetition.token_ns[0]) / 1e9)


def conversation_ns(repetition: Repetition) -> int:
    """Return the time from handing over the first prompt to the last token of the last turn."""
    if not repetition.turns:
        return repetition.token_ns[-1]
    return repetition.turns[-1].start_ns + repetition.turns[-1].token_ns[-1] - repetition.start_ns


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
class Failure:
    """Why a target has no figures: the reason, what to do, and the end of the worker's standard error."""

    reason: str
    remedy: str = ""
    stderr_tail: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one generation that ran in turn with other targets of the same host.

    ``heat`` counts the generations, ``at`` the output tokens known before it: 0 is the prefill, which gives the first
    token. It gave ``tokens`` tokens of every sequence in ``duration_ns`` from ``begin_ns``, both by the host's clock.
    Segments of two targets with the same ``heat`` and ``at`` are neighbours in time, and did the same work.
    """

    heat: int
    at: int
    tokens: int
    begin_ns: int
    duration_ns: int
    spoilers: tuple[Spoiler, ...] = ()


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
    expert_use: ExpertUse | None = None
    """Experts that decode steps touched; None without experts, or where the engine hides them."""
    segments: tuple[Segment, ...] = ()
    """Stretches that ran in turn with other targets; ratios between targets are taken from them."""

    @property
    def counted(self) -> tuple[Repetition, ...]:
        """Return repetitions that are not warm-up."""
        return counted(self.repetitions)

    def step_weight_bytes(self, spec: ModelSpec, precision: str, batch: int) -> float:
        """Return the weight bytes that a decode step of ``batch`` sequences reads.

        Those of the engine's own format, if it reports them. Of experts, those that were counted; where the engine
        hides them, those of uniform routing: exact for one sequence, an upper estimate for more.
        """
        if self.engine.step_weight_bytes is not None:
            return self.engine.step_weight_bytes
        use = self.expert_use
        return spec.decode_weight_bytes(precision, batch, None if use is None else use.distinct)


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


class Outcome(msgspec.Struct, frozen=True, tag_field="kind"):
    """What came of a target; each way it can end is one subclass.

    ``word`` is the status of an outcome whose logits do not differ too much from the reference.
    """

    word: ClassVar[Status]

    @property
    def report(self) -> WorkerReport | ExamineReport | None:
        """Return what the worker sent; None if it sent no report."""
        return None

    @property
    def metrics(self) -> dict[str, Quantity]:
        """Return the figures by metric name (``ttft``, ``decode_throughput``, ...)."""
        return {}

    @property
    def failure(self) -> Failure | None:
        """Return why there are no figures, or why they take no part in conclusions."""
        return Failure(self.parity.shortfall) if self.parity is not None and not self.parity.passed else None

    @property
    def status(self) -> Status:
        """Return the outcome in one word."""
        return "not_comparable" if self.parity is not None and not self.parity.passed else self.word

    @property
    def parity(self) -> ParityScore | None:
        """Return how close the target came to the reference; None where nothing was computed."""
        return self.report.parity if self.report is not None else None


class Measured(Outcome, frozen=True, tag="measured"):
    """The target ran here: its raw samples, what meters and monitor saw meanwhile, and the figures from all that."""

    word: ClassVar[Status] = "ok"
    worker: WorkerReport
    metrics: dict[str, Quantity] = {}
    readings: tuple[Reading, ...] = ()
    telemetry: Telemetry | None = None
    telemetry_reason: str = ""
    """Why ``telemetry`` is None."""
    power_model: PowerModel | None = None
    """Bounds for energy where nothing could be metered, only if they were asked for."""
    sampler: SamplerCost | None = None
    """What metering and watching cost; None where nothing was sampled."""
    preparation: dict[str, Any] = {}

    @property
    def report(self) -> WorkerReport:
        """Return the worker's report."""
        return self.worker

    def reading(self, role: str) -> Reading:
        """Return what the meter of ``role`` saw; an empty reading if no meter had that role."""
        return next((reading for reading in self.readings if reading.role == role), Reading(role))


class Examined(Outcome, frozen=True, tag="examined"):
    """The chip is not here: what its vendor's compiler and simulator say, and the modelled figures from that."""

    word: ClassVar[Status] = "modelled"
    report: ExamineReport
    metrics: dict[str, Quantity] = {}


@dataclass(frozen=True, slots=True)
class Depth:
    """A target measured at ``layers`` of a model's layers.

    ``use`` says whether the extension goes through it, or is checked by it. ``record`` is the target's file at that
    depth, from the folder of the bundle. ``failure`` says why there are no ``figures``.
    """

    layers: int
    use: Literal["line", "check"]
    figures: dict[str, Quantity]
    record: str
    parity: ParityScore | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A figure as a line in depth: ``at_none`` is what is left without layers, ``per_layer`` what each layer adds.

    ``check_off`` is how far the line was from the third depth, as a part of what was measured there; None without one.
    """

    at_none: float
    per_layer: float
    check_off: float | None = None


class Extended(Outcome, frozen=True, tag="extended"):
    """The target ran at some depths; ``metrics`` are extended to all ``layers``, by ``lines`` where they are linear."""

    word: ClassVar[Status] = "sampled"
    layers: int
    depths: tuple[Depth, ...]
    metrics: dict[str, Quantity] = {}
    lines: dict[str, Line] = {}

    @property
    def parity(self) -> ParityScore | None:
        """Return the score of the deepest sample, or of the deepest that did not pass: none speaks of the whole."""
        scores = [depth.parity for depth in sorted(self.depths, key=lambda one: -one.layers) if depth.parity]
        return next((score for score in scores if not score.passed), scores[0] if scores else None)


class Failed(Outcome, frozen=True, tag="failed"):
    """The target broke."""

    word: ClassVar[Status] = "failed"
    failure: Failure


class Unavailable(Outcome, frozen=True, tag="unavailable"):
    """The target cannot run here: why, and what would make it run."""

    word: ClassVar[Status] = "unavailable"
    reason: str
    remedy: str = ""

    @property
    def failure(self) -> Failure:
        """Return reason and remedy."""
        return Failure(self.reason, self.remedy)


AnyOutcome = Measured | Extended | Examined | Failed | Unavailable
"""Every outcome a record may have; another is one more class here."""


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """One target of a bundle: what it is, and what came of it."""

    schema: str
    id: str
    backend: str
    device: str
    precision: str
    threads: int
    model_digest: str
    workload_digest: str
    outcome: AnyOutcome
    accelerator: str | None = None
    """The accelerator it ran on, as PyTorch would name it (``cuda:0``); None for the host's processor."""
    chip_id: str | None = None
    """The catalogue's id of the chip that a vendor's tools were asked about, empty where the catalogue does not hold
    it; None for a target that runs on hardware."""

    @property
    def compiler_path(self) -> bool:
        """Return whether a vendor's tools were asked about a chip that is not here, whatever came of it."""
        return self.chip_id is not None

    @property
    def status(self) -> Status:
        """Return the outcome in one word."""
        return self.outcome.status

    @property
    def metrics(self) -> dict[str, Quantity]:
        """Return the figures by metric name; one that cannot be true is unavailable, whoever recorded it."""
        return {name: plausible(name, figure) for name, figure in self.outcome.metrics.items()}

    @property
    def failure(self) -> Failure | None:
        """Return why there are no figures, or why they take no part in conclusions."""
        return self.outcome.failure

    @property
    def parity(self) -> ParityScore | None:
        """Return how close it came to the reference; None where nothing was computed."""
        return self.outcome.parity

    @property
    def operators(self) -> tuple[OperatorPlacement, ...]:
        """Return where its operators run, as far as it is known."""
        return self.outcome.report.operators if self.outcome.report is not None else ()

    @property
    def measured(self) -> Measured | None:
        """Return the outcome if the target ran here."""
        return self.outcome if isinstance(self.outcome, Measured) else None

    @property
    def worker(self) -> WorkerReport | None:
        """Return the report of the worker if the target ran here."""
        return self.measured.worker if self.measured else None

    @property
    def extended(self) -> Extended | None:
        """Return the outcome if the target ran at some depths only."""
        return self.outcome if isinstance(self.outcome, Extended) else None

    @property
    def examined(self) -> ExamineReport | None:
        """Return the report of a vendor's tools if they answered in place of the chip."""
        return self.outcome.report if isinstance(self.outcome, Examined) else None

    @property
    def energy(self) -> EnergyReading | None:
        """Return what the meter of its hardware saw."""
        return self.measured.reading(TARGET).energy if self.measured else None
