"""The figures of a target: one class a metric, each with its unit, definition and formula over the raw samples.

Tables, report and schema take titles and definitions from here; a new metric is one class in :data:`METRICS`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from profiler.metrics.contract import Context, Metric, ceiling_of
from profiler.metrics.energy import (
    DecodeEnergy,
    Energy,
    HostEnergy,
    IdlePower,
    IntegratedEnergy,
    LoadedIdlePower,
    MeanPower,
    NetDecodeEnergy,
    NetEnergy,
    NetPrefillEnergy,
    NetWallEnergy,
    PrefillEnergy,
    SecondEnergy,
    WallEnergy,
)
from profiler.metrics.inputs import (
    ConversationTime,
    ImageEncode,
    ImageMfu,
    ImageShare,
    ImageTokens,
    TimeToAnswer,
    TurnTtft,
)
from profiler.metrics.memory import PeakAllocatedMemory, PeakDeviceMemory, PeakMemory, PeakReservedMemory
from profiler.records.plausibility import NOT_FINITE, impossible, plausible
from profiler.records.quantity import Quantity
from profiler.records.target import Measured, Repetition, WorkerReport, decode_rate

__all__ = ["COMMON", "METRICS", "Context", "Metric", "compute_metrics", "decode_step_bytes"]


class Ttft(Metric):
    """Time to first token."""

    name, title, unit, better = "ttft", "TTFT", "s", "lower"
    definition = "Time from handing over the prompt to knowing the first output token: prefill and one sampling."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = [r.token_ns[0] / 1e9 for r in measured.worker.counted]
        return self._median(samples, "measured", "monotonic clock, median over repetitions")


class PrefillThroughput(Metric):
    """Prompt tokens per second."""

    name, title, unit, better = "prefill_throughput", "Prefill", "tok/s", "higher"
    definition = "Prompt tokens of all sequences divided by TTFT."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = [len(r.token_ids) * context.prompt_tokens / (r.token_ns[0] / 1e9) for r in measured.worker.counted]
        return self._median(samples, "derived", "prompt tokens / TTFT, median over repetitions")


class DecodeThroughput(Metric):
    """Generated tokens per second after the first."""

    name, title, unit, better = "decode_throughput", "Decode", "tok/s", "higher"
    definition = "Output tokens after the first, of all sequences, divided by the time from the first to the last."

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions."""
        samples = [rate for r in measured.worker.counted if (rate := decode_rate(r)) is not None]
        if not samples:
            return Quantity.unavailable(self.unit, "one output token leaves nothing to decode; use --output-tokens 2")
        return self._median(samples, "derived", "(output tokens - 1) / decode time, median over repetitions")


class _TokenTime(Metric):
    """A percentile of the gaps between tokens, over all repetitions."""

    unit, better = "s", "lower"
    percentile: ClassVar[float]

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Percentile of each repetition's gaps, median over repetitions."""
        gaps = [np.diff(r.token_ns) / 1e9 for r in measured.worker.counted if len(r.token_ns) > 1]
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


class Mbu(Metric):
    """Model bandwidth utilisation."""

    name, title, unit, better = "mbu", "MBU", "1", "higher"
    definition = (
        "Model bandwidth utilisation in decode: bytes of weights and KV cache that each step must read, times "
        "steps per second, divided by the read bandwidth that the machine showed right before and after."
    )

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions, each against the read bandwidth measured right before and after it."""
        samples = []
        for repetition in measured.worker.counted:
            rate = decode_rate(repetition)
            if rate is None:
                return Quantity.unavailable(self.unit, "one output token leaves nothing to decode")
            ceiling = ceiling_of(context.ceilings.read_samples if context.ceilings else (), repetition)
            if ceiling is not None:
                steps_per_s = rate / len(repetition.token_ids)
                samples.append(decode_step_bytes(measured.worker, context, repetition) * steps_per_s / ceiling)
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

    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Median over repetitions, each against the matrix-product rate measured right before and after it."""
        arithmetic = measured.worker.engine.arithmetic
        beside = context.ceilings.gemm_samples.get(arithmetic, ()) if context.ceilings else ()
        flops = context.spec.prefill_flops(context.prompt_tokens) + context.image_flops
        samples = [
            len(r.token_ids) * flops / (r.token_ns[0] / 1e9) / ceiling
            for r in measured.worker.counted
            if (ceiling := ceiling_of(beside, r)) is not None
        ]
        if not samples:
            return Quantity.unavailable(self.unit, f"no {arithmetic} matrix-product ceiling is measured on this device")
        return self._median(
            samples,
            "derived",
            f"required operations / TTFT over the {arithmetic} product beside each repetition, median",
        )


def decode_step_bytes(worker: WorkerReport, context: Context, repetition: Repetition) -> float:
    """Return the bytes that a decode step moves on average: weights, and state and cache of each sequence."""
    length, sequences = context.prompt_tokens + len(repetition.token_ns) / 2, len(repetition.token_ids)
    cache = context.spec.kv_bytes_per_token(worker.engine.cache_precision)
    state = 2 * context.spec.state_bytes(worker.engine.cache_precision)
    return worker.step_weight_bytes(context.spec, context.precision, sequences) + sequences * (cache * length + state)


METRICS: tuple[Metric, ...] = (
    Ttft(),
    PrefillThroughput(),
    DecodeThroughput(),
    TpotP50(),
    TpotP99(),
    PeakMemory(),
    PeakDeviceMemory(),
    PeakAllocatedMemory(),
    PeakReservedMemory(),
    Energy(),
    NetEnergy(),
    PrefillEnergy(),
    NetPrefillEnergy(),
    DecodeEnergy(),
    NetDecodeEnergy(),
    IntegratedEnergy(),
    SecondEnergy(),
    HostEnergy(),
    WallEnergy(),
    NetWallEnergy(),
    MeanPower(),
    IdlePower(),
    LoadedIdlePower(),
    Mbu(),
    Mfu(),
    ImageEncode(),
    ImageShare(),
    ImageTokens(),
    ImageMfu(),
    TimeToAnswer(),
    TurnTtft(),
    ConversationTime(),
)


COMMON: tuple[Metric, ...] = tuple(metric for metric in METRICS if not metric.about)
"""The figures that every workload has; a record holds the others only if they are about something in its workload."""


def compute_metrics(measured: Measured, context: Context) -> dict[str, Quantity]:
    """Return every figure of a target by its name; none about what its workload does not hold."""
    return {metric.name: compute_figure(metric, measured, context) for metric in METRICS if context.has(metric)}


def compute_figure(metric: Metric, measured: Measured, context: Context) -> Quantity:
    """Return one figure; one that cannot be true is unavailable, and says why."""
    try:
        return plausible(metric.name, metric.compute(measured, context))
    except (ArithmeticError, ValueError) as error:  # a clock or a counter that stood still
        return impossible(Quantity.unavailable(metric.unit, metric.title), NOT_FINITE, str(error))
