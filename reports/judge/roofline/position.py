"""Where a target stands under its roofs: utilisation of each ceiling, which one binds, and how much was reached.

Against measured ceilings each repetition is judged by what the device showed right before and after it, as MBU and MFU
are in :mod:`profiler.metrics.catalogue`; against declared ones by the datasheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from backends.qwen.model import BITS_PER_WEIGHT
from profiler.records.ceilings import CeilingSample, ceiling_beside
from profiler.records.plausibility import ABOVE_CEILING, code_of, utilisation
from profiler.records.quantity import Quantity
from profiler.records.target import Repetition
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.samples import counted
from reports.judge.comparison.standing import Standing
from reports.judge.roofline.arithmetic import Phase, PhaseWork, decode_work, prefill_work, with_image
from reports.judge.roofline.ceilings import Basis, Roof, arithmetic_of, roofs

Bound = Literal["bandwidth", "compute"]


@dataclass(frozen=True, slots=True)
class Reached:
    """Utilisations under one roof: ``mbu`` of the bandwidth, ``mfu`` of the matrix-product rate."""

    roof: Roof
    mbu: Quantity
    mfu: Quantity

    @property
    def bound(self) -> Bound | None:
        """The ceiling that is nearer; None while either is not known."""
        if self.mbu.value is None or self.mfu.value is None:
            return None
        return "bandwidth" if self.mbu.value >= self.mfu.value else "compute"

    @property
    def above(self) -> Quantity | None:
        """The utilisation that lies above its ceiling, which therefore is too low; None if neither does."""
        return next((one for one in (self.mbu, self.mfu) if code_of(one) == ABOVE_CEILING), None)

    @property
    def share(self) -> Quantity:
        """The share of the nearer ceiling: achieved over attainable speed. Unavailable while either is not known."""
        if self.bound is None:
            return self.mbu if self.mbu.value is None else self.mfu
        return self.mbu if self.bound == "bandwidth" else self.mfu


@dataclass(frozen=True, slots=True)
class Position:
    """One target in one phase. ``seconds`` of each counted repetition's passes, ``throughput`` in tok/s."""

    phase: Phase
    work: PhaseWork
    throughput: Quantity
    seconds_per_pass: float
    measured: Reached
    declared: Reached

    def reached(self, basis: Basis) -> Reached:
        """Utilisations under the measured or the declared roof."""
        return self.measured if basis == "measured" else self.declared

    @property
    def flop_per_s(self) -> float:
        """Needed operations over the time they took, at the median."""
        return self.work.total_flops / self.seconds_per_pass

    @property
    def byte_per_s(self) -> float:
        """Needed bytes over the time they took, at the median."""
        return self.work.total_bytes / self.seconds_per_pass


def position(row: Row, group: Group, standing: Standing, phase: Phase) -> Position | None:
    """Where ``row`` stands in ``phase``; None if it has no samples of it, or its sizes cannot be computed."""
    work = work_of(row, group, phase)
    passes = [(run, seconds) for run in counted(row.record) if (seconds := _seconds(run, phase)) is not None]
    if work is None or not passes:
        return None
    measured, declared = roofs(row, standing)
    ceilings = row.bundle.ceilings_of(row.record)
    read = ceilings.read_samples if ceilings else ()
    gemm = ceilings.gemm_samples.get(arithmetic_of(row), ()) if ceilings else ()
    return Position(
        phase,
        work,
        row.metric(f"{phase}_throughput"),
        median([seconds for _, seconds in passes]),
        Reached(
            measured,
            _beside(work.total_bytes, passes, read, measured.bandwidth),
            _beside(work.total_flops, passes, gemm, measured.compute),
        ),
        Reached(
            declared,
            _against(work.total_bytes, passes, declared.bandwidth),
            _against(work.total_flops, passes, declared.compute),
        ),
    )


def work_of(row: Row, group: Group, phase: Phase, precision: str | None = None) -> PhaseWork | None:
    """What the phase needs at the target's own precision, or at ``precision``; None for an unknown format.

    At its own precision the engine's own weight format counts, where it tells its size.
    """
    worker, work, spec = row.record.worker, group.workload, group.model.spec
    if worker is None:
        return None
    own = precision is None or precision == row.record.precision
    chosen = row.record.precision if precision is None else precision
    cache = worker.engine.cache_precision if own or chosen not in _FLOATING else chosen
    weights = worker.engine.step_weight_bytes if own else None
    if cache not in BITS_PER_WEIGHT or (weights is None and chosen not in BITS_PER_WEIGHT):
        return None
    if phase == "prefill":
        made = prefill_work(spec, chosen, cache, work.prompt_tokens, work.batch, step_weight_bytes=weights)
        return made if work.image is None else with_image(made, spec, chosen, work.image, work.batch)
    context = work.prompt_tokens + work.output_tokens / 2
    read = worker.step_weight_bytes(spec, chosen, work.batch) if own else None
    return decode_work(spec, chosen, cache, context, work.batch, step_weight_bytes=read)


_FLOATING = ("float32", "bfloat16", "float16")


def _seconds(run: Repetition, phase: Phase) -> float | None:
    """Time of one pass: of the prefill, or of one decode step on average."""
    if phase == "prefill":
        return run.token_ns[0] / 1e9 or None
    steps = len(run.token_ns) - 1
    return (run.token_ns[-1] - run.token_ns[0]) / 1e9 / steps or None if steps else None


def _beside(
    amount: float, passes: Sequence[tuple[Repetition, float]], samples: Sequence[CeilingSample], roof: Quantity
) -> Quantity:
    if roof.value is None:
        return Quantity.unavailable("1", roof.method)
    shares = [
        amount / seconds / ceiling
        for run, seconds in passes
        if (ceiling := ceiling_beside(samples, run.start_ns, run.start_ns + run.token_ns[-1]))
    ]
    if not shares:
        return Quantity.unavailable("1", "no ceiling was measured beside the repetitions")
    how = "needed per second over the ceiling measured beside each repetition, median"
    return utilisation(Quantity(median(shares), "1", "derived", how, len(shares), median_ci95(shares)))


def _against(amount: float, passes: Sequence[tuple[Repetition, float]], roof: Quantity) -> Quantity:
    if roof.value is None:
        return Quantity.unavailable("1", roof.method)
    shares = [amount / seconds / roof.value for _, seconds in passes]
    how = f"needed per second over the {roof.method}, median"
    return utilisation(Quantity(median(shares), "1", "declared", how, len(shares), median_ci95(shares)))
