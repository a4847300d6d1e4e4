"""From heats to figures: the product's own metrics, and ratios paired round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiler.metrics.catalogue import Context, compute_metrics
from profiler.records.quantity import Quantity
from profiler.records.readings import TARGET, Reading
from profiler.records.target import Measured, Repetition, WorkerReport, decode_rate
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median
from tests.benchmarks.contenders import Contender, find_contender
from tests.benchmarks.lane import Course
from tests.benchmarks.race import Heat

METRICS = ("decode_throughput", "prefill_throughput", "mbu", "mfu")


@dataclass(frozen=True, slots=True)
class Entry:
    """One contender of one heat."""

    contender: Contender
    heat: int
    version: str
    load_s: float
    metrics: dict[str, Quantity]
    ratios: dict[str, Quantity]
    """Our engine -> how many times as fast as this contender it decoded, round by round."""
    prefill_ratios: dict[str, Quantity]
    """The same for the time to the first token."""
    same_tokens: int
    """Leading output tokens it shares with ours of the same precision: whether it ran the same model."""
    spoiled: int
    """Repetitions that something disturbed."""


def score_heat(course: Course, heat: Heat, number: int) -> list[Entry]:
    """Every contender that finished."""
    ran = {key: find_contender(key) for key in heat.reports}
    ours = {contender.engine: heat.reports[key] for key, contender in ran.items() if contender.ours}
    return [_entry(course, heat, number, ran[key], report, ours) for key, report in heat.reports.items()]


def paired(numerator: Sequence[float], denominator: Sequence[float], method: str) -> Quantity:
    """Median of the ratios of pairs, with its bootstrap interval."""
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return Quantity(median(ratios), "1", "derived", method, len(ratios), median_ci95(ratios))


def _entry(
    course: Course,
    heat: Heat,
    number: int,
    contender: Contender,
    report: WorkerReport,
    ours: dict[str, WorkerReport],
) -> Entry:
    context = Context(course.model.spec, course.workload.prompt_tokens, contender.precision, heat.ceilings)
    unmetered = (Reading(TARGET, reason="not measured here"),)
    figures = compute_metrics(Measured(report, readings=unmetered), context)
    others = {name: own for name, own in ours.items() if own is not report}
    return Entry(
        contender=contender,
        heat=number,
        version=f"{report.engine.engine} {report.engine.version}",
        load_s=report.load_s,
        metrics={name: figures[name] for name in METRICS},
        ratios={
            name: paired(_rates(own), _rates(report), "decode rates, paired by round") for name, own in others.items()
        },
        prefill_ratios={
            name: paired(_prefills(own), _prefills(report), "prefill rates, paired by round")
            for name, own in others.items()
        },
        same_tokens=min((_shared(own, report) for own in ours.values()), default=0),
        spoiled=sum(bool(repetition.spoilers) for repetition in report.repetitions),
    )


def _rates(report: WorkerReport) -> list[float]:
    return [decode_rate(repetition) or 0.0 for repetition in report.repetitions]


def _prefills(report: WorkerReport) -> list[float]:
    return [1e9 / repetition.token_ns[0] for repetition in report.repetitions]


def _shared(one: WorkerReport, other: WorkerReport) -> int:
    def tokens(report: WorkerReport) -> tuple[int, ...]:
        first: Repetition = report.repetitions[0]
        return first.token_ids[0]

    pairs = list(zip(tokens(one), tokens(other), strict=True))
    return next((index for index, (a, b) in enumerate(pairs) if a != b), len(pairs))
