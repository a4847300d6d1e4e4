"""One metric of one target against its baseline: regressed, improved, unchanged or inconclusive.

* *regressed*: the interval of the ratio, at the confidence that keeps false alarms of the whole check rare, excludes 1
  on the bad side, and the loss is at least the smallest effect of interest.
* *improved*: the same on the good side.
* *unchanged*: neither, and a loss as large as the one to catch is ruled out.
* *inconclusive*: all else, with what would settle it.

The ratio is the one at the same pace of the machine, see :mod:`profiler.statistics.runs`; where the machine itself was
faster or slower, that is said with the ratio as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from profiler.metrics.catalogue import Metric
from profiler.statistics.medians import median
from profiler.statistics.runs import Estimate, Prior, Run, foreseen, ratio_of_runs
from reports.gate import policy
from reports.gate.result import Finding, Verdict
from reports.gate.series import RunSeries, TargetSeries

_MOST_RUNS = 30


@dataclass(frozen=True, slots=True)
class Sides:
    """The runs of one target: those of the baseline and those under test, oldest first, disturbed ones left out."""

    baseline: Sequence[TargetSeries]
    current: Sequence[TargetSeries]

    def runs(self, metric: str) -> tuple[list[Run], list[Run]]:
        """Baseline and current runs that have ``metric``, each with the pace of the machine."""
        below, above = ([run for one in side if (run := _run(one, metric))] for side in (self.baseline, self.current))
        return below, above

    def instruments(self, metric: str) -> str | None:
        """Why the figures of ``metric`` do not compare, if they were read by different instruments; else None."""
        sides = [
            sorted({one.instruments.get(metric, "") for one in side if _run(one, metric)})
            for side in (self.baseline, self.current)
        ]
        if sides[0] == sides[1] and len(sides[0]) == 1:
            return None
        before, now = (" and ".join(name or "an unnamed meter" for name in side) for side in sides)
        return f"read by {before} in the baseline and by {now} here: different instruments do not compare"


def _run(target: TargetSeries, metric: str) -> Run | None:
    figure = target.figures.get(metric)
    if figure is None or not figure.samples:
        return None
    return Run(figure.samples, math.log(target.read_bandwidth) if target.read_bandwidth else None)


def sides_of(target: str, baseline: Sequence[RunSeries], current: Sequence[RunSeries]) -> Sides:
    """The runs of ``target`` on both sides that settle something."""

    def fit(runs: Sequence[RunSeries]) -> list[TargetSeries]:
        return [
            one for run in runs if (one := run.targets.get(target)) is not None and one.status == "ok" and one.settles
        ]

    return Sides(fit(baseline), fit(current))


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
    if (mixed := sides.instruments(metric.name)) is not None:
        return replace(blank, verdict="inconclusive", explanation=mixed)
    if min(min(run.samples) for run in (*below, *above)) <= 0:
        return replace(blank, explanation="a figure that is zero or negative has no ratio")
    prior = policy.prior_of(metric)
    estimate = ratio_of_runs(above, below, prior)
    confidence = gate_confidence(tests) if gated else policy.SHOWN
    # Judged as a gain: above 0 the run is better than its baseline, whichever way the metric points.
    gain = math.log(estimate.value) * (1 if metric.better == "higher" else -1)
    verdict = _verdict(estimate, gain, confidence, smallest, loss)
    return replace(
        blank,
        verdict=verdict,
        explanation=f"{_explain(verdict, estimate.value, loss)}{_about_pace(estimate)}",
        baseline=_typical(below),
        current=_typical(above),
        ratio=estimate.value,
        interval=estimate.interval(confidence),
        confidence=confidence,
        raw_ratio=estimate.raw,
        machine_ratio=estimate.pace,
        spread=estimate.spread,
        effect_size=gain / estimate.spread,
        runs=(len(below), len(above)),
        repetitions=(sum(len(run.samples) for run in below), sum(len(run.samples) for run in above)),
        remedy=_remedy(above, below, prior, gain, confidence, loss) if verdict == "inconclusive" else "",
    )  # fmt: skip


def _missing(blank: Finding, sides: Sides, *, in_baseline: bool) -> Finding:
    """A figure that one side lacks: gone since the baseline it is a question, never there it is none."""
    side = [run.figures.get(blank.metric) for run in (sides.current if in_baseline else sides.baseline)]
    figure = next((one for one in reversed(side) if one is not None), None)
    reason = figure.reason if figure is not None else "no run that counts holds it"
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


def _typical(runs: Sequence[Run]) -> float:
    return math.exp(sum(math.log(median(run.samples)) for run in runs) / len(runs))


def _explain(verdict: Verdict, ratio: float, loss: float) -> str:
    if verdict in ("regressed", "improved"):
        return f"{100 * abs(ratio - 1):.1f} % {'higher' if ratio > 1 else 'lower'}"
    if verdict == "unchanged":
        return f"a loss of {100 * loss:g} % is ruled out"
    return f"a loss of {100 * loss:g} % is neither shown nor ruled out"


def _about_pace(estimate: Estimate) -> str:
    """What the machine's own pace did to the figure, where it changed it by as much as anyone would act on."""
    if abs(math.log(estimate.raw / estimate.value)) < policy.SMALLEST_EFFECT or estimate.pace is None:
        return ""
    faster = "faster" if estimate.pace > 1 else "slower"
    return (
        f"; the machine read memory {100 * abs(estimate.pace - 1):.0f} % {faster} than during the baseline: as "
        f"measured the ratio is {estimate.raw:.3f}, at the same pace {estimate.value:.3f}"
    )


def _remedy(above: list[Run], below: list[Run], prior: Prior, gain: float, confidence: float, loss: float) -> str:
    """How many more runs would settle it, if the ratio stays what it is."""
    room = gain - math.log(1 - loss)  # how far the ratio lies from the loss to catch: it is to be ruled out
    distance = max(room, -gain)
    level = 2 * policy.RULED_OUT - 1 if room >= -gain else confidence
    for both in (False, True):
        for more in range(1, _MOST_RUNS + 1):
            if foreseen(above, below, prior, (more, more if both else 0), level) < distance:
                word = "run" if more == 1 else "runs"
                where = " and as many to the baseline" if both else ""
                return f"about {more} more {word} of this commit{where} would settle it, if the ratio stays"
    return f"more than {_MOST_RUNS} further runs on each side would be needed: make the machine quieter instead"
