"""The whole check: like is compared with like, every metric and every budget is judged, and nothing is left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backends.common.errors import InputError
from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import Bundle
from reports.gate import policy
from reports.gate.baseline import Baseline, differences, setup_differences
from reports.gate.budget_verdicts import judge_budgets, noisy_limits
from reports.gate.budgets import Budgets
from reports.gate.judgement import Sides, judge, sides_of
from reports.gate.result import CHECK_SCHEMA, CheckResult, Finding, Rules, TargetFinding, deciding, failing
from reports.gate.series import Identity, RunSeries, identity_of, not_judged, series_of
from reports.gate.store import Stored
from reports.gate.wording import summary_of

ONE_SITTING_S = 3600.0
"""A baseline whose runs were all made within this time may know too little of how the machine changes."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may ask for; fractions, not per cent."""

    gated: tuple[str, ...] = policy.GATED
    smallest_effect: float = policy.SMALLEST_EFFECT
    loss_to_catch: float = policy.LOSS_TO_CATCH
    different_machine: bool = False
    different_targets: bool = False
    strict: bool = False


def check_bundles(
    bundles: Sequence[Bundle],
    stored: Stored | None,
    budgets: Budgets | None,
    options: Options,
    dependence_of: Callable[[Bundle], dict[str, Any]] | None = None,
) -> CheckResult:
    """Judge the runs of one commit, one bundle a run.

    ``dependence_of`` gives the ``dependence`` of a bundle's report, which budgets may limit.

    Raises:
        InputError: If they cannot be compared with each other or with the baseline; the message says what differs.
    """
    identity = _common_identity(bundles)
    notes = not_judged(bundles)
    runs = [series_of(bundle) for bundle in bundles]
    baseline = stored.baseline if stored else None
    if stored is not None:
        notes += _comparable(identity, runs, stored, options)
    names = [name for name in runs[0].targets if baseline is None or name in baseline.target_ids]
    before = baseline.runs if baseline else ()
    sides = {name: sides_of(name, before, runs) for name in names}
    targets = tuple(found for name in names if (found := _target_finding(name, runs, sides[name])) is not None)
    judged = {name: one for name, one in sides.items() if not any(name == found.target for found in targets)}
    tests = _tests(judged, options) + (noisy_limits(budgets, judged) if budgets else 0)
    findings: tuple[Finding, ...] = ()
    if baseline is not None:
        findings = tuple(
            judge(
                name, metric, judged[name], gated=metric.name in options.gated, tests=tests,
                smallest=options.smallest_effect, loss=options.loss_to_catch,
            )
            for name in judged
            for metric in METRICS
        )  # fmt: skip
        notes += _about_baseline(baseline)
    found_budgets = (
        judge_budgets(budgets, judged, _dependence(bundles, budgets, dependence_of), tests) if budgets else ()
    )
    notes += _disturbed(runs, names)
    rules = Rules(
        policy.FALSE_ALARMS, tests, options.smallest_effect, options.loss_to_catch, strict=options.strict
    )  # fmt: skip
    judged_by = deciding(targets, findings, found_budgets)
    passed = not any(one.verdict in failing(strict=options.strict) for one in judged_by)
    return CheckResult(
        schema=CHECK_SCHEMA, passed=passed, summary=summary_of(judged_by, passed=passed),
        bundles=tuple(str(bundle.path) for bundle in bundles), baseline=str(stored.path) if stored else None,
        identity=identity, baseline_runs=len(baseline.runs) if baseline else 0, rules=rules, targets=targets,
        findings=findings, budgets=found_budgets, notes=tuple(notes),
    )  # fmt: skip


def _common_identity(bundles: Sequence[Bundle]) -> Identity:
    first = bundles[0]
    identity = identity_of(first)
    digests: dict[str, Bundle] = {}
    for bundle in bundles:
        found = differences(identity, identity_of(bundle))
        if found:
            raise InputError(f"{first.path} and {bundle.path} are not runs of the same thing: {'; '.join(found)}")
        if bundle.index.target_ids != first.index.target_ids:
            raise InputError(
                f"{first.path} and {bundle.path} have other targets: {', '.join(first.index.target_ids)} against "
                f"{', '.join(bundle.index.target_ids)}"
            )
        missing = [name for name in bundle.index.target_ids if name not in {one.id for one in bundle.targets}]
        if missing:
            raise InputError(f"{bundle.path} was {bundle.index.state} before {missing[0]} finished; profile again")
        source = series_of(bundle).source
        if source in digests:
            raise InputError(f"{bundle.path} is the same run as {digests[source].path}: name each run once")
        digests[source] = bundle
    return identity


def _comparable(identity: Identity, runs: Sequence[RunSeries], stored: Stored, options: Options) -> list[str]:
    """Notes on what differs and was allowed; what was not allowed is refused."""
    baseline = stored.baseline
    apart = differences(baseline.identity, identity, machine=False)
    if apart:
        raise InputError(f"{stored.path} cannot be compared: {'; '.join(apart)}")
    notes = []
    machine = differences(baseline.identity, identity)
    if machine:
        if not options.different_machine:
            raise InputError(f"{stored.path} cannot be compared: {machine[0]}; allow it by --allow-different-machine")
        notes.append(f"{machine[0]}: differences below may be the machines' own.")
    if any(run.source == old.source for run in runs for old in baseline.runs):
        raise InputError(f"{stored.path} holds this very run: compare it with a baseline saved before")
    here, there = set(runs[0].targets), set(baseline.target_ids)
    if here != there:
        missing = "; ".join(
            f"{', '.join(sorted(names))} only in {where}"
            for names, where in ((here - there, "this run"), (there - here, "the baseline"))
            if names
        )
        if not options.different_targets or not here & there:
            raise InputError(f"{stored.path} has other targets: {missing}; allow it by --allow-different-targets")
        notes.append(f"Not compared: {missing}.")
    return [*notes, *(f"{text}." for text in setup_differences(baseline, runs[-1]))]


def _target_finding(name: str, runs: Sequence[RunSeries], sides: Sides) -> TargetFinding | None:
    for run in runs:
        target = run.targets[name]
        if target.status != "ok":
            return TargetFinding(name, "failed", f"{target.status.replace('_', ' ')}: {target.reason}")
    if sides.current:
        return None
    last = runs[-1].targets[name]
    return TargetFinding(
        name, "inconclusive",
        f"{last.disturbed} of {last.repetitions} repetitions were disturbed from outside "
        f"({', '.join(last.detectors)}): end other load on the machine and run again",
    )  # fmt: skip


def _tests(judged: Mapping[str, Sides], options: Options) -> int:
    return sum(
        all(sides.runs(metric.name)) for sides in judged.values() for metric in METRICS if metric.name in options.gated
    )


def _about_baseline(baseline: Baseline) -> list[str]:
    count = len(baseline.runs)
    if count == 1:
        priors = sorted({policy.prior_of(metric).spread for metric in METRICS if metric.name in policy.GATED})
        assumed = ", ".join(f"{100 * spread:g} %" for spread in priors)
        return [
            f"The baseline is a single run, which says nothing about how far runs differ: a spread between runs of "
            f"{assumed} (by metric) is assumed. Add runs with `chipassay baseline save`; ten make the gate sharp."
        ]
    made = [datetime.fromisoformat(run.created) for run in baseline.runs]
    if (max(made) - min(made)).total_seconds() < ONE_SITTING_S:
        return [
            f"All {count} baseline runs were made within an hour: how the machine changes from day to day is not in "
            "the intervals."
        ]
    return []


def _disturbed(runs: Sequence[RunSeries], names: Sequence[str]) -> list[str]:
    notes = []
    for name in names:
        made = [run.targets[name] for run in runs if run.targets[name].disturbed]
        if made:
            detectors = sorted({detector for one in made for detector in one.detectors})
            left_out = sum(not one.settles for one in made)
            runs_out = f"; {left_out} of {len(runs)} runs left out for it" if left_out else ""
            notes.append(
                f"{name}: {sum(one.disturbed for one in made)} repetitions disturbed from outside "
                f"({', '.join(detectors)}) do not count{runs_out}."
            )
    return notes


def _dependence(
    bundles: Sequence[Bundle], budgets: Budgets | None, dependence_of: Callable[[Bundle], dict[str, Any]] | None
) -> dict[str, Any]:
    """Return what the report says about the dependence of the newest run; empty where no budget limits it."""
    if budgets is None or not any(metric.startswith("dependence.") for metric in budgets.every.limits):
        return {}
    assert dependence_of is not None, "a budget limits dependence: check_bundles needs dependence_of"
    return dependence_of(bundles[-1])
