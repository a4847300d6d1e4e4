"""The figures of a whole model from those of its samples: times, bytes and joules by a line, rates from the times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from backends.contract.workload import Workload
from backends.qwen.model import ModelSpec
from profiler.depth.choice import Depths
from profiler.depth.line import Point, at, interval, method, off, through
from profiler.metrics.catalogue import METRICS, Context, Metric, compute_figure, decode_step_bytes
from profiler.metrics.contract import ceiling_of
from profiler.records.ceilings import Ceilings, CeilingSample
from profiler.records.plausibility import plausible
from profiler.records.quantity import Grade, Quantity
from profiler.records.target import Line, Measured, decode_rate
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median

LINEAR_UNITS = ("s", "B", "J/tok")
"""Units of what adds up over layers."""

WHOLE_EVERYWHERE = frozenset({"image_encode", "image_tokens", "image_mfu"})
"""Figures of the vision tower, which is whole at every depth."""

_Pick = Callable[[Ceilings, str], Sequence[CeilingSample]]

STEP = "decode_step"
"""The line of the mean time of a decode step, which decode throughput follows from."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A target measured at one depth, and the context its figures were computed in."""

    layers: int
    measured: Measured
    context: Context


@dataclass
class Extension:
    """The figures of one target at ``spec``'s depth, made when all its samples are there; ``lines`` fills on the way.

    Args:
        spec: The whole model.
        work: The workload that every depth ran.
        precision: Of the target.
        depths: Which samples the line goes through, and which checks it.
        samples: By depth; a depth that failed is missing.
        failures: Why, by depth.
    """

    spec: ModelSpec
    work: Workload
    precision: str
    depths: Depths
    samples: dict[int, Sample]
    failures: dict[int, str]
    lines: dict[str, Line] = field(default_factory=dict)

    def figures(self) -> dict[str, Quantity]:
        """Return every figure by name; one that no line holds for is unavailable, with the reason."""
        whole = Context.of(self.spec, self.work, self.precision, None, None)
        made: dict[str, Quantity] = {}
        step = self._line(STEP, "s", {depth: self._steps(sample) for depth, sample in self.samples.items()})
        for metric in METRICS:
            if whole.has(metric):
                made[metric.name] = self._figure(metric, made, step)
        return {name: plausible(name, figure) for name, figure in made.items()}

    def _figure(self, metric: Metric, made: dict[str, Quantity], step: Quantity) -> Quantity:
        name, work = metric.name, self.work
        if missing := self._missing():
            return Quantity.unavailable(metric.unit, missing)
        follows: dict[str, Callable[[], Quantity]] = {
            "prefill_throughput": lambda: _rate(work.batch * work.prompt_tokens, made["ttft"], "prompt tokens / TTFT"),
            "decode_throughput": lambda: _rate(work.batch, step, "sequences / mean decode step"),
            "mbu": lambda: self._mbu(step),
            "mfu": lambda: self._mfu(made["ttft"]),
            "tpot_p99": lambda: Quantity.unavailable("s", "the slowest tokens of two depths do not lie on a line"),
            **{each: lambda: self.samples[self.depths.line[1]].measured.metrics[name] for each in WHOLE_EVERYWHERE},
        }
        if name in follows:
            return follows[name]()
        if metric.unit == "s":
            return self._line(name, "s", {depth: _each(metric, one) for depth, one in self.samples.items()})
        if metric.unit in LINEAR_UNITS:
            return self._line_of_figures(name, metric.unit)
        return Quantity.unavailable(metric.unit, f"{metric.title} does not add up over layers: see each depth")

    def _missing(self) -> str:
        """Return which depth of the line was not measured, and why; "" if both were."""
        lacking = [depth for depth in self.depths.line if depth not in self.samples]
        return f"the depth of {lacking[0]} layers was not measured: {self.failures[lacking[0]]}" if lacking else ""

    def _line(self, name: str, unit: str, samples: dict[int, Sequence[float]]) -> Quantity:
        """Extend a time that every repetition has."""
        if missing := self._missing():
            return Quantity.unavailable(unit, missing)
        if not all(samples[depth] for depth in self.depths.line):
            figure = self.samples[self.depths.line[0]].measured.metrics.get(name)
            reason = figure.method if figure else "one output token leaves nothing to decode"
            return Quantity.unavailable(unit, reason)
        points = {depth: Point.of_samples(depth, each) for depth, each in samples.items() if each}
        return self._extended(name, unit, points)

    def _line_of_figures(self, name: str, unit: str) -> Quantity:
        """Extend a figure that is one reading, or has a separate spread, such as joules."""
        figures = {depth: sample.measured.metrics[name] for depth, sample in self.samples.items()}
        for depth in self.depths.line:
            if figures[depth].value is None:
                return Quantity.unavailable(unit, figures[depth].method)
        known = {depth: Point.of_figure(depth, one) for depth, one in figures.items() if one.value is not None}
        modelled = any(figures[depth].grade == "modelled" for depth in self.depths.line)
        return self._extended(name, unit, known, "modelled" if modelled else "derived")

    def _extended(self, name: str, unit: str, points: dict[int, Point], grade: Grade = "derived") -> Quantity:
        pair = (points[self.depths.line[0]], points[self.depths.line[1]])
        check = points.get(self.depths.check) if self.depths.check is not None else None
        line, layers = through(*pair), self.spec.layers
        if line.per_layer < 0:
            return Quantity.unavailable(
                unit, f"it falls from {pair[0].layers} to {pair[1].layers} layers: what a layer adds is less than noise"
            )
        miss = off(line, check) if check is not None else None
        self.lines[name] = replace(line, check_off=miss)
        ends = interval(pair, check, layers)
        how = method(
            pair, (check.layers, miss) if check is not None and miss is not None else None, layers,
            spread=all(point.draws is not None for point in pair),
        )  # fmt: skip
        return Quantity(at(line, layers), unit, grade, how, min(point.n for point in pair), ends)

    def _steps(self, sample: Sample) -> list[float]:
        """Return the mean time of a decode step in each repetition."""
        runs = sample.measured.worker.counted
        return [len(run.token_ids) / rate for run in runs if (rate := decode_rate(run)) is not None]

    def _mbu(self, step: Quantity) -> Quantity:
        """Bytes that a step of the whole model reads, over its time and the bandwidth beside the samples."""
        if step.value is None:
            return Quantity.unavailable("1", step.method)
        moved = []
        for depth in self.depths.line:
            one = self.samples[depth]
            worker = one.measured.worker
            each = [decode_step_bytes(worker, one.context, run) for run in worker.counted]
            moved.append(Point.of_samples(depth, each))
        read = self._ceilings(lambda ceilings, _: ceilings.read_samples)
        if not read:
            return Quantity.unavailable("1", "no read bandwidth was measured beside the repetitions")
        needed = at(through(*moved), self.spec.layers)
        return _share(needed, step, read, "required bytes / time over the read bandwidth beside the samples")

    def _mfu(self, ttft: Quantity) -> Quantity:
        """Operations that the prompt needs of the whole model, over TTFT and the products beside the samples."""
        if ttft.value is None:
            return Quantity.unavailable("1", ttft.method)
        peaks = self._ceilings(lambda ceilings, arithmetic: ceilings.gemm_samples.get(arithmetic, ()))
        if not peaks:
            return Quantity.unavailable("1", "no matrix-product ceiling of its arithmetic is measured on this device")
        context = Context.of(self.spec, self.work, self.precision, None, None)
        flops = self.work.batch * (self.spec.prefill_flops(self.work.prompt_tokens) + context.image_flops)
        return _share(flops, ttft, peaks, "required operations / TTFT over the product beside the samples")

    def _ceilings(self, of: _Pick) -> list[float]:
        """Return the ceilings right beside every repetition of both depths of the line."""
        found = []
        for depth in self.depths.line:
            one = self.samples[depth]
            if one.context.ceilings is None:
                continue
            beside = of(one.context.ceilings, one.measured.worker.engine.arithmetic)
            found += [c for run in one.measured.worker.counted if (c := ceiling_of(beside, run)) is not None]
        return found


def _each(metric: Metric, sample: Sample) -> list[float]:
    """Return a figure of every repetition alone."""
    found = []
    for run in sample.measured.worker.counted:
        worker = replace(sample.measured.worker, repetitions=(run,))
        one = compute_figure(metric, msgspec.structs.replace(sample.measured, worker=worker), sample.context)
        if one.value is not None:
            found.append(one.value)
    return found


def _rate(work: float, time: Quantity, how: str) -> Quantity:
    """Return a rate from an extended time: rates themselves lie on no line."""
    if time.value is None:
        return Quantity.unavailable("tok/s", time.method)
    ends = (work / time.ci95[1], work / time.ci95[0]) if time.ci95 and time.ci95[0] > 0 else None
    return Quantity(work / time.value, "tok/s", "derived", f"{how}; {time.method}", time.n, ends)


def _share(work: float, time: Quantity, ceilings: Sequence[float], how: str) -> Quantity:
    """Return the share of a ceiling; its interval takes the ends of both."""
    assert time.value is not None
    ceiling, spread = median(ceilings), median_ci95(ceilings)
    ends = None
    if time.ci95 and spread and time.ci95[0] > 0:
        ends = (work / time.ci95[1] / spread[1], work / time.ci95[0] / spread[0])
    return Quantity(work / time.value / ceiling, "1", "derived", f"{how}; {time.method}", time.n, ends)
