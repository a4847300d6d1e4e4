"""What the gate keeps of a run: the samples of every metric, repetition by repetition, and what they were measured on.

Everything is computed from the raw samples of the bundle; the figures written there take no part, so editing them
changes no verdict.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from backends.common.errors import InputError
from profiler.disturbance.verdict import EXTERNAL
from profiler.metrics.catalogue import METRICS, Context, Metric
from profiler.records.bundle import INDEX, Bundle
from profiler.records.ceilings import Ceilings
from profiler.records.plausibility import plausible
from profiler.records.quantity import Grade, Quantity
from profiler.records.target import Measured, Repetition, Status, TargetRecord
from reports.judge.comparison.samples import counted

FEWEST_UNDISTURBED = 3
"""A disturbed run with fewer undisturbed repetitions than this settles nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one target in one run: a sample per repetition, or the single reading of a high-water mark.

    ``samples`` is empty where the metric is unavailable; ``reason`` then says why.
    """

    unit: str
    grade: Grade
    reason: str
    samples: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TargetSeries:
    """One target of one run. ``disturbed`` counts the repetitions left out, ``detectors`` what disturbed them."""

    status: Status
    reason: str
    threads: int
    engine: str
    repetitions: int
    disturbed: int
    detectors: dict[str, int]
    figures: dict[str, Figure]
    parity_top1: float | None
    read_bandwidth: float | None = None
    """The best that its device read memory with during the run, in B/s; None if it was not measured. The best, because
    what disturbs the probe can only slow it: the threads of an engine that wait by spinning do."""
    instruments: dict[str, str] = field(default_factory=dict)
    """Metric to what read it, where more than one thing can."""

    @property
    def settles(self) -> bool:
        """Whether enough repetitions went undisturbed to say anything."""
        return self.disturbed == 0 or self.repetitions - self.disturbed >= FEWEST_UNDISTURBED


@dataclass(frozen=True, slots=True)
class RunSeries:
    """One run. ``source`` is the SHA-256 of its ``bundle.json``, which names every other file by digest."""

    source: str
    created: str
    chipassay_version: str
    command: str
    targets: dict[str, TargetSeries]


@dataclass(frozen=True, slots=True)
class Identity:
    """What two runs must have in common before their figures mean the same."""

    fingerprint: str
    chip: str
    model: str
    model_digest: str
    workload: str
    workload_digest: str
    prompt_tokens: int
    output_tokens: int
    batch: int


def identity_of(bundle: Bundle) -> Identity:
    """The machine, the model and the workload of a bundle."""
    model, workload = bundle.index.model, bundle.index.workload
    chip = next((part.name for part in bundle.host.components if part.kind == "cpu"), "unknown processor")
    return Identity(
        bundle.host.fingerprint, chip, model.spec.name, model.digest, workload.name, workload.digest,
        workload.prompt_tokens, workload.output_tokens, workload.batch,
    )  # fmt: skip


def series_of(bundle: Bundle) -> RunSeries:
    """Recompute every metric of every finished target, repetition by repetition.

    A target that only its vendor's tools were asked about has no samples and takes no part: see :func:`not_judged`.
    """
    index = bundle.index
    return RunSeries(
        source=hashlib.sha256((bundle.path / INDEX).read_bytes()).hexdigest(),
        created=index.created,
        chipassay_version=index.chipassay_version,
        command=index.command,
        targets={record.id: _target(bundle, record) for record in bundle.targets if not record.compiler_path},
    )


def measured_ids(bundle: Bundle) -> tuple[str, ...]:
    """The targets asked for, less those that only a vendor's tools answered for."""
    asked = {record.id for record in bundle.targets if record.compiler_path}
    return tuple(name for name in bundle.index.target_ids if name not in asked)


def not_judged(bundles: Sequence[Bundle]) -> list[str]:
    """That targets which nothing was measured of are left out, by name; empty if there are none.

    Raises:
        InputError: If nothing else is in a bundle.
    """
    for bundle in bundles:
        if bundle.targets and all(record.compiler_path for record in bundle.targets):
            raise InputError(
                f"{bundle.path}: nothing was measured, only vendors' compilers were asked ("
                f"{', '.join(record.id for record in bundle.targets)}); the gate judges measured targets"
            )
    names = dict.fromkeys(record.id for bundle in bundles for record in bundle.targets if record.compiler_path)
    if not names:
        return []
    return [f"Not judged: {', '.join(names)}: answered by vendors' tools alone, and the gate judges what was measured."]


def _target(bundle: Bundle, record: TargetRecord) -> TargetSeries:
    measured = record.measured
    reason = record.failure.reason if record.failure else ""
    if record.status == "sampled":
        reason = "its figures are extended from some layers; a gate compares what ran whole: use --layers N"
    if measured is None:
        return TargetSeries(record.status, reason, record.threads, "", 0, 0, {}, {}, None)
    runs = counted(record)
    quiet = [run for run in runs if not _outside(run)]
    detectors = Counter(name for run in runs for name in _outside(run))
    disturbed = len(runs) - len(quiet)
    kept = tuple(quiet) if len(quiet) >= FEWEST_UNDISTURBED else runs
    index = bundle.index
    worker, ceilings = measured.worker, bundle.ceilings_of(record)
    context = Context.of(index.model.spec, index.workload, record.precision, ceilings, record.accelerator)
    return TargetSeries(
        status=record.status,
        reason=reason,
        threads=record.threads,
        engine=f"{worker.engine.engine} {worker.engine.version}",
        repetitions=len(runs),
        disturbed=disturbed,
        detectors=dict(sorted(detectors.items())),
        figures={metric.name: _figure(metric, measured, context, kept) for metric in METRICS if context.has(metric)},
        parity_top1=worker.parity.top1_agreement,
        read_bandwidth=_best_bandwidth(ceilings),
        instruments={metric.name: name for metric in METRICS if (name := metric.instrument(measured))},
    )


def _outside(run: Repetition) -> set[str]:
    """What came from outside. What the measured program may have caused itself (major faults, swapping) never excuses a
    repetition: it may be the very regression that is looked for.
    """
    return {spoiler.detector for spoiler in run.spoilers if spoiler.detector in EXTERNAL}


def _figure(metric: Metric, measured: Measured, context: Context, kept: Sequence[Repetition]) -> Figure:
    """The metric over all kept repetitions at once, for its grade and count, and of each for its samples."""

    def over(repetitions: Sequence[Repetition]) -> Quantity:
        worker = replace(measured.worker, repetitions=tuple(repetitions))
        return metric.compute(msgspec.structs.replace(measured, worker=worker), context)

    whole = plausible(metric.name, over(kept))
    if whole.value is None:
        return Figure(metric.unit, "unavailable", whole.method, ())
    if whole.n <= 1:
        return Figure(metric.unit, whole.grade, "", (whole.value,))
    alone = [over((run,)).value for run in kept]
    return Figure(metric.unit, whole.grade, "", tuple(value for value in alone if value is not None))


def _best_bandwidth(ceilings: Ceilings | None) -> float | None:
    samples = ceilings.read_samples if ceilings else ()
    return max((one.amount / one.duration_ns * 1e9 for one in samples), default=None)
