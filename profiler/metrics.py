"""The figures of a target: one class a metric, each with its unit, definition and formula over the raw samples.

Tables, report and schema take titles and definitions from here; a new metric is one new class in :data:`METRICS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from backends.model import ModelSpec
from profiler.ceilings import ceiling_beside
from profiler.energy import joules_per_token
from profiler.quantity import Grade, Quantity
from profiler.record import Ceilings, CeilingSample, EnergyReading, Repetition, WorkerReport
from profiler.repetition import decode_rate
from profiler.statistics import median, median_ci95


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures of one target are computed from."""

    spec: ModelSpec
    prompt_tokens: int
    precision: str
    worker: WorkerReport
    ceilings: Ceilings | None
    energy: EnergyReading | None
    energy_reason: str
    """Why ``energy`` is None."""

    @property
    def counted(self) -> tuple[Repetition, ...]:
        """Repetitions that are not warm-up."""
        return tuple(r for r in self.worker.repetitions if not r.warmup)


class Metric(ABC):
    """One figure of a target."""

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    definition: ClassVar[str]

    @abstractmethod
    def compute(self, evidence: Evidence) -> Quantity:
        """The figure, or unavailable with the reason."""

    def _median(self, samples: Sequence[float], grade: Grade, method: str) -> Quantity:
        return Quantity(median(samples), self.unit, grade, method, len(samples), median_ci95(samples))


class Ttft(Metric):
    """Time to first token."""

    name, title, unit, better = "ttft", "TTFT", "s", "lower"
    definition = "Time from handing over the prompt to knowing the first output token: prefill and one sampling."

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions."""
        samples = [r.token_ns[0] / 1e9 for r in evidence.counted]
        return self._median(samples, "measured", "monotonic clock, median over repetitions")


class PrefillThroughput(Metric):
    """Prompt tokens per second."""

    name, title, unit, better = "prefill_throughput", "Prefill", "tok/s", "higher"
    definition = "Prompt tokens of all sequences divided by TTFT."

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions."""
        samples = [len(r.token_ids) * evidence.prompt_tokens / (r.token_ns[0] / 1e9) for r in evidence.counted]
        return self._median(samples, "derived", "prompt tokens / TTFT, median over repetitions")


class DecodeThroughput(Metric):
    """Generated tokens per second after the first."""

    name, title, unit, better = "decode_throughput", "Decode", "tok/s", "higher"
    definition = "Output tokens after the first, of all sequences, divided by the time from the first to the last."

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions."""
        samples = [rate for r in evidence.counted if (rate := decode_rate(r)) is not None]
        if not samples:
            return Quantity.unavailable(self.unit, "one output token leaves nothing to decode; use --output-tokens 2")
        return self._median(samples, "derived", "(output tokens - 1) / decode time, median over repetitions")


class _TokenTime(Metric):
    """A percentile of the gaps between tokens, over all repetitions."""

    unit, better = "s", "lower"
    percentile: ClassVar[float]

    def compute(self, evidence: Evidence) -> Quantity:
        """Percentile of each repetition's gaps, median over repetitions."""
        gaps = [np.diff(r.token_ns) / 1e9 for r in evidence.counted if len(r.token_ns) > 1]
        if not gaps:
            return Quantity.unavailable(self.unit, "one output token has no gap; use --output-tokens 2")
        samples = [float(np.percentile(gap, self.percentile)) for gap in gaps]
        return self._median(samples, "measured", f"p{self.percentile:g} of gaps, median over repetitions")


class TpotP50(_TokenTime):
    """Typical time per output token."""

    name, title, percentile = "tpot_p50", "TPOT p50", 50.0
    definition = "Median gap between consecutive output tokens of one sequence."


class TpotP99(_TokenTime):
    """Worst usual time per output token."""

    name, title, percentile = "tpot_p99", "TPOT p99", 99.0
    definition = "99th percentile of the gap between consecutive output tokens of one sequence."


class PeakMemory(Metric):
    """The worker's high-water mark."""

    name, title, unit, better = "peak_memory", "Peak memory", "B", "lower"
    definition = (
        "The kernel's high-water mark of the worker's resident set (VmHWM): weights, cache, activations, engine and "
        "interpreter, mapped file pages included; exports and compilations ran in another process."
    )

    def compute(self, evidence: Evidence) -> Quantity:
        """One reading."""
        return Quantity(float(evidence.worker.memory.peak_resident_bytes), self.unit, "measured", "VmHWM", 1)


class Energy(Metric):
    """Gross joules per output token."""

    name, title, unit, better = "energy_per_output_token", "Energy", "J/tok", "lower"
    definition = (
        "Energy of the meter's scope over prefill and decode divided by all output tokens, idle power included."
    )
    net: ClassVar[bool] = False

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions."""
        reading = evidence.energy
        if reading is None:
            return Quantity.unavailable(self.unit, evidence.energy_reason)
        samples = joules_per_token(reading, evidence.counted, net=self.net)
        if not samples:
            return Quantity.unavailable(self.unit, f"{reading.meter}'s samples do not cover any repetition")
        grade: Grade = "derived" if self.net else "measured"
        idle = ", idle power subtracted" if self.net else ""
        return self._median(samples, grade, f"{reading.meter} ({reading.scope}){idle}, median over repetitions")


class NetEnergy(Energy):
    """Joules per output token above idle."""

    name, title = "net_energy_per_output_token", "Net energy"
    definition = "The same, with the mean power of the idle windows before and after subtracted."
    net = True


class Mbu(Metric):
    """Model bandwidth utilisation."""

    name, title, unit, better = "mbu", "MBU", "1", "higher"
    definition = (
        "Model bandwidth utilisation in decode: bytes of weights and KV cache that each step must read, times "
        "steps per second, divided by the read bandwidth that the machine showed right before and after."
    )

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions, each against the read bandwidth measured right before and after it."""
        samples = []
        for repetition in evidence.counted:
            rate = decode_rate(repetition)
            if rate is None:
                return Quantity.unavailable(self.unit, "one output token leaves nothing to decode")
            ceiling = _beside(evidence.ceilings.read_samples if evidence.ceilings else (), repetition)
            if ceiling is not None:
                steps_per_s = rate / len(repetition.token_ids)
                samples.append(decode_step_bytes(evidence, repetition) * steps_per_s / ceiling)
        if not samples:
            return Quantity.unavailable(self.unit, "no read bandwidth was measured beside the repetitions")
        return self._median(
            samples, "derived", "required bytes / time over the read bandwidth beside each repetition, median"
        )


class Mfu(Metric):
    """Model FLOPs utilisation."""

    name, title, unit, better = "mfu", "MFU", "1", "higher"
    definition = (
        "Model FLOPs utilisation in prefill: operations the prompt needs divided by TTFT and by the "
        "matrix-product rate that the machine showed right before and after, at the same arithmetic."
    )

    def compute(self, evidence: Evidence) -> Quantity:
        """Median over repetitions, each against the matrix-product rate measured right before and after it."""
        arithmetic = evidence.worker.engine.arithmetic
        beside = evidence.ceilings.gemm_samples.get(arithmetic, ()) if evidence.ceilings else ()
        flops = evidence.spec.prefill_flops(evidence.prompt_tokens)
        samples = [
            len(r.token_ids) * flops / (r.token_ns[0] / 1e9) / ceiling
            for r in evidence.counted
            if (ceiling := _beside(beside, r)) is not None
        ]
        if not samples:
            return Quantity.unavailable(self.unit, f"no {arithmetic} matrix-product ceiling is measured on this device")
        return self._median(
            samples,
            "derived",
            f"required operations / TTFT over the {arithmetic} product beside each repetition, median",
        )


def _beside(samples: Sequence[CeilingSample], repetition: Repetition) -> float | None:
    return ceiling_beside(samples, repetition.start_ns, repetition.start_ns + repetition.token_ns[-1])


def decode_step_bytes(evidence: Evidence, repetition: Repetition) -> float:
    """Bytes one decode step must read on average: all weights once, and every sequence's cache at mean length."""
    context = evidence.prompt_tokens + len(repetition.token_ns) / 2
    engine = evidence.worker.engine
    cache = evidence.spec.kv_bytes_per_token(engine.cache_precision)
    weights = engine.step_weight_bytes
    if weights is None:
        weights = evidence.spec.decode_weight_bytes(evidence.precision)
    return weights + len(repetition.token_ids) * cache * context


METRICS: tuple[Metric, ...] = (
    Ttft(),
    PrefillThroughput(),
    DecodeThroughput(),
    TpotP50(),
    TpotP99(),
    PeakMemory(),
    Energy(),
    NetEnergy(),
    Mbu(),
    Mfu(),
)


def compute_metrics(evidence: Evidence) -> dict[str, Quantity]:
    """Every figure of a target by its name."""
    return {metric.name: metric.compute(evidence) for metric in METRICS}
