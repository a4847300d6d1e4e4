"""One metric of one target against its baseline: regressed, improved, unchanged or inconclusive.

* *regressed*: the interval of the ratio, at the confidence that keeps false alarms of the whole check rare, excludes 1
  on the bad side, and the loss is at least the smallest effect of interest.
* *improved*: the same on the good side.
* *unchanged*: neither, and a loss as large as the one to catch is ruled out.
* *inconclusive*: all else, with what would settle it; also a loss while the machine itself was slower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from profiler.metrics import Metric
from profiler.run_spread import Estimate, Prior, Runs, foreseen, ratio_of_runs
from profiler.statistics import median
from reports.gate import policy
from reports.gate.result import Finding, Verdict
from reports.gate.series import TargetSeries

_MOST_RUNS = 30
_MACHINE_WORDS = {"read_bandwidth": "read memory", "matrix_product": "multiplied matrices"}


@dataclass(frozen=True, slots=True)
class Sides:
    """The runs of one target: those of the baseline and those under test, oldest first, disturbed ones left out."""

    baseline: Sequence[TargetSeries]
    current: Sequence[TargetSeries]

    def runs(self, metric: str) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
        """The samples of ``metric`` in the runs that have it."""
        below, above = (
            [figure.samples for run in side if (figure := run.figures.get(metric)) is not None and figure.samples]
            for side in (self.baseline, self.current)
        )
        return below, above


def gate_confidence(tests: int) -> float:
    """Two-sided confidence of each interval so that ``tests`` one-sided tests together keep the false alarms."""
    return 1 - 2 * policy.FALSE_ALARMS / max(1, tests)


def judge(
    target: str, metric: Metric, sides: Sides, *, gated: bool, tests: int, smallest: float = policy.SMALLEST_EFFECT,
    loss: float = policy.LOSS_TO_CATCH,
) -> Finding:  # fmt: skip
    """The verdict on one metric of one target."""
    blank = Finding(target, metric.name, metric.title, metric.unit, metric.better, gated, "unavailable", "")
    below, above = sides.runs(metric.name)
    if not below or not above:
        return _missing(blank, sides, in_baseline=bool(below))
    if min(*map(min, below), *map(min, above)) <= 0:
        return replace(blank, explanation="a figure that is zero or negative has no ratio")
    prior = policy.prior_of(metric.name)
    estimate = ratio_of_runs(above, below, prior)
    confidence = gate_confidence(tests) if gated else policy.SHOWN
    # Judged as a gain: above 0 the run is better than its baseline, whichever way the metric points.
    sign = 1 if metric.better == "higher" else -1
    gain = sign * math.log(estimate.value)
    verdict = _verdict(estimate, gain, confidence, smallest, loss)
    whole = replace(
        blank,
        verdict=verdict,
        explanation=_explain(verdict, estimate.value, loss),
        baseline=_typical(below),
        current=_typical(above),
        ratio=estimate.value,
        interval=estimate.interval(confidence),
        confidence=confidence,
        spread=estimate.spread,
        effect_size=gain / estimate.spread if estimate.spread else None,
        runs=(len(below), len(above)),
        repetitions=(sum(map(len, below)), sum(map(len, above))),
    )
    if verdict == "regressed" and (excuse := _slower_machine(metric, sides, below, above, confidence)):
        return replace(whole, verdict="inconclusive", explanation=excuse, remedy="run again when the machine is itself")
    if verdict == "inconclusive":
        return replace(whole, remedy=_remedy(above, below, prior, gain, confidence, loss))
    return whole


def _missing(blank: Finding, sides: Sides, *, in_baseline: bool) -> Finding:
    """A figure that one side lacks: gone since the baseline it is a question, never there it is none."""
    side = sides.current if in_baseline else sides.baseline
    figure = next((run.figures[blank.metric] for run in reversed(side) if blank.metric in run.figures), None)
    reason = figure.method if figure is not None else "no run that counts holds it"
    if in_baseline:
        return replace(blank, verdict="inconclusive", explanation=f"the baseline has it, this run does not: {reason}")
    return replace(blank, explanation=f"not in the baseline: {reason}")


def _verdict(estimate: Estimate, gain: float, confidence: float, smallest: float, loss: float) -> Verdict:
    reach = _reach(estimate, confidence)
    if gain + reach < 0 and math.exp(gain) <= 1 - smallest:
        return "regressed"
    if gain - reach > 0 and math.exp(-gain) <= 1 - smallest:
        return "improved"
    return "unchanged" if gain - _reach(estimate, 2 * policy.RULED_OUT - 1) > math.log(1 - loss) else "inconclusive"


def _reach(estimate: Estimate, confidence: float) -> float:
    """Half-width of the interval on the log scale."""
    return math.log(estimate.interval(confidence)[1] / estimate.value)


def _typical(runs: Runs) -> float:
    return math.exp(sum(math.log(median(run)) for run in runs) / len(runs))


def _explain(verdict: Verdict, ratio: float, loss: float) -> str:
    if verdict in ("regressed", "improved"):
        return f"{100 * abs(ratio - 1):.1f} % {'higher' if ratio > 1 else 'lower'}"
    if verdict == "unchanged":
        return f"a loss of {100 * loss:g} % is ruled out"
    return f"a loss of {100 * loss:g} % is neither shown nor ruled out"


def _slower_machine(metric: Metric, sides: Sides, below: Runs, above: Runs, confidence: float) -> str:
    """Why the machine, measured beside the repetitions, may be to blame for a loss; empty if it is not."""
    if max(map(len, below)) < 2 and max(map(len, above)) < 2:
        return ""  # a reading such as a high-water mark does not depend on how fast the machine is
    for name, words in _MACHINE_WORDS.items():
        before = [run.machine[name] for run in sides.baseline if name in run.machine]
        now = [run.machine[name] for run in sides.current if name in run.machine]
        if len(before) != len(below) or len(now) != len(above):
            continue
        machine = ratio_of_runs(now, before, policy.MACHINE_SPREAD)
        if machine.interval(policy.MACHINE_SURE)[1] >= 1:
            continue
        normalised = ratio_of_runs(
            _per_machine(above, now, metric), _per_machine(below, before, metric), policy.prior_of(metric.name)
        )
        low, high = normalised.interval(confidence)
        if (high < 1) if metric.better == "higher" else (low > 1):
            continue
        return (
            f"the machine {words} {100 * (1 - machine.value):.0f} % slower beside these repetitions than beside the "
            f"baseline's; against what it could do, {metric.title} is {normalised.value:.3f} times the baseline"
        )
    return ""


def _per_machine(runs: Runs, ceilings: Sequence[tuple[float, ...]], metric: Metric) -> list[list[float]]:
    """Each run's samples as they would be on a machine of unit speed: rates divided, times multiplied."""
    power = -1 if metric.better == "higher" else 1
    return [
        [sample * median(beside) ** power for sample in run] for run, beside in zip(runs, ceilings, strict=True)
    ]  # fmt: skip


def _remedy(above: Runs, below: Runs, prior: Prior, gain: float, confidence: float, loss: float) -> str:
    """How many more runs would settle it, if the ratio stays what it is."""
    room = gain - math.log(1 - loss)
    """How far the ratio lies from the loss to catch: an interval narrower than that rules it out."""
    distance = max(room, -gain)
    level = 2 * policy.RULED_OUT - 1 if room >= -gain else confidence
    for both in (False, True):
        for more in range(1, _MOST_RUNS + 1):
            width = foreseen(above, below, prior, more, more if both else 0, level)
            if width < distance:
                word = "run" if more == 1 else "runs"
                where = " and as many to the baseline" if both else ""
                return f"about {more} more {word} of this commit{where} would settle it, if the ratio stays"
    return f"more than {_MOST_RUNS} further runs on each side would be needed: make the machine quieter instead"


def sides_of(
    target: str, baseline: Sequence[Mapping[str, TargetSeries]], current: Sequence[Mapping[str, TargetSeries]]
) -> Sides:
    """The runs of ``target`` that settle something."""

    def fit(runs: Sequence[Mapping[str, TargetSeries]]) -> list[TargetSeries]:
        return [one for run in runs if (one := run.get(target)) is not None and one.status == "ok" and one.settles]

    return Sides(fit(baseline), fit(current))
