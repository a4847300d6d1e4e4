"""Checks of simulated runs: what a commit that changes nothing, and one that loses 10 %, would meet.

The noise is that of 48 runs of ``--model qwen3-0.6b --layers 2 --workload smoke`` on a shared two-core guest: see
``docs/ci.md``. The machine's pace wanders from run to run; runs are shifted beyond it; repetitions hang together.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from profiler.metrics.catalogue import METRICS
from reports.gate.judgement import judge, sides_of
from reports.gate.series import Figure, RunSeries, TargetSeries

GATED = ("decode_throughput", "ttft", "peak_memory")


@dataclass(frozen=True)
class Noise:
    """Relative standard deviations on a machine, and how long its pace lasts (correlation of a run with the next).

    ``shifts`` is, per metric, that of a whole run beyond the machine's pace; ``slope`` the power of the pace a speed
    follows; ``tails`` the degrees of freedom of every shift (infinite: normal).
    """

    pace: float = 0.027
    pace_lasts: float = 0.8
    slope: float = 0.9
    shifts: tuple[tuple[str, float], ...] = (("decode_throughput", 0.015), ("ttft", 0.04), ("peak_memory", 0.002))
    shift_lasts: float = 0.3
    repetitions: float = 0.015
    repetitions_hang: float = 0.3
    count: int = 6
    tails: float = math.inf


SEEN_HERE = Noise()
HEAVY_TAILS = Noise(tails=4)
WITHOUT_PACE = Noise(pace=0.0, shifts=(("decode_throughput", 0.03), ("ttft", 0.04), ("peak_memory", 0.002)))
NOISIER = Noise(shifts=(("decode_throughput", 0.03), ("ttft", 0.06), ("peak_memory", 0.004)))
MACHINES = {
    "as seen here": SEEN_HERE, "heavy tails": HEAVY_TAILS, "pace tells nothing": WITHOUT_PACE, "noisier": NOISIER,
}  # fmt: skip


class Simulation:
    """A stream of runs of two targets on one machine."""

    def __init__(self, noise: Noise, seed: int) -> None:
        self.noise = noise
        self.random = np.random.default_rng(seed)
        self.units = {metric.name: (metric.unit, metric.better) for metric in METRICS}

    def runs(self, count: int, loss: float = 0.0) -> list[RunSeries]:
        """Consecutive runs, long after any others, with every speed lower by ``loss``."""
        noise = self.noise
        paces = self._wandering(count, noise.pace, noise.pace_lasts)
        levels = {
            (target, metric): self._wandering(count, shift, noise.shift_lasts)
            for target in ("torch-cpu@float32", "onnx-cpu@float32")
            for metric, shift in noise.shifts
        }
        return [
            RunSeries(
                source=str(self.random.integers(2**60)), created="", chipassay_version="", command="",
                targets={
                    target: self._target({m: levels[t, m][at] for t, m in levels if t == target}, paces[at], loss)
                    for target in dict.fromkeys(target for target, _ in levels)
                },
            )
            for at in range(count)
        ]  # fmt: skip

    def _wandering(self, count: int, deviation: float, lasts: float) -> np.ndarray:
        """A first-order series with the given standard deviation, from its long-run distribution on."""
        shocks = self._shocks(count) * deviation
        for at in range(1, count):
            shocks[at] = lasts * shocks[at - 1] + math.sqrt(1 - lasts**2) * shocks[at]
        return shocks

    def _shocks(self, count: int) -> np.ndarray:
        """Independent, of variance one."""
        tails = self.noise.tails
        if math.isinf(tails):
            return self.random.standard_normal(count)
        return self.random.standard_t(tails, count) / math.sqrt(tails / (tails - 2))

    def _target(self, levels: dict[str, float], pace: float, loss: float) -> TargetSeries:
        figures = {}
        for metric, level in levels.items():
            unit, better = self.units[metric]
            sign = 1 if better == "higher" else -1
            if metric == "peak_memory":
                logs = np.asarray([level])
            else:
                hang = self._wandering(self.noise.count, self.noise.repetitions, self.noise.repetitions_hang)
                logs = sign * (self.noise.slope * pace + math.log1p(-loss)) + level + hang
            figures[metric] = Figure(unit, "derived", "", tuple(np.exp(logs).tolist()))
        return TargetSeries("ok", "", 2, "", self.noise.count, 0, {}, figures, 1.0, 3e10 * math.exp(pace))


def outcome(baseline: list[RunSeries], commit: list[RunSeries]) -> str:
    """``failed``, ``inconclusive`` or ``passed``, by the gate's own judgement of every target and metric."""
    targets = tuple(commit[0].targets)
    verdicts = {
        judge(target, metric, sides_of(target, baseline, commit), gated=True, tests=len(GATED) * len(targets)).verdict
        for target in targets
        for metric in METRICS
        if metric.name in GATED
    }
    return "failed" if "regressed" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"


def simulate(
    noise: Noise, checks: int, *, loss: float = 0.0, baseline_runs: int = 10, commit_runs: int = 3, seed: int = 1
) -> Counter[str]:
    """Outcomes of that many independent checks. The commit's runs follow each other; so do the baseline's."""
    stream = Simulation(noise, seed)
    return Counter(outcome(stream.runs(baseline_runs), stream.runs(commit_runs, loss)) for _ in range(checks))
