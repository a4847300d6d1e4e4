"""A baseline: the samples of several runs of one model and workload on one machine, in a file that can be committed.

One run says nothing about how far runs differ, so :func:`extended` appends. A run is added only if it could be compared
at all: every target finished, computed what the reference computed, and was left in peace by other processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backends.common.errors import InputError
from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import Bundle
from profiler.statistics.runs import Run, typical_of_runs
from reports.gate import policy
from reports.gate.series import Identity, RunSeries, TargetSeries, identity_of, not_judged, series_of

BASELINE_SCHEMA = "chipassay.baseline/1"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Runs that may stand for "how it was", oldest first, all with the same identity and targets."""

    schema: str
    identity: Identity
    runs: tuple[RunSeries, ...]

    @property
    def target_ids(self) -> tuple[str, ...]:
        """The targets of every run."""
        return tuple(self.runs[-1].targets) if self.runs else ()

    def spreads(self, target: str) -> dict[str, float | None]:
        """Return the spread between runs of each gated metric that ``target`` has: a relative standard deviation.

        It is pooled with what is assumed beforehand; None where a sample is not positive.
        """
        found: dict[str, float | None] = {}
        for metric in (metric for metric in METRICS if metric.name in policy.GATED):
            figures = [run.targets[target].figures[metric.name] for run in self.runs]
            held = [Run(figure.samples) for figure in figures if figure.samples]
            if held:
                usable = all(min(run.samples) > 0 for run in held)
                found[metric.name] = typical_of_runs(held, (), policy.prior_of(metric)).spread if usable else None
        return found


def baseline_of(bundles: Sequence[Bundle]) -> Baseline:
    """A new baseline from at least one bundle.

    Raises:
        InputError: If a bundle cannot serve as a baseline, or they differ in what they ran.
    """
    first = bundles[0]
    return extended(Baseline(BASELINE_SCHEMA, identity_of(first), ()), bundles)


def extended(baseline: Baseline, bundles: Sequence[Bundle]) -> Baseline:
    """``baseline`` with further runs, sorted by when they were made.

    Raises:
        InputError: If a bundle cannot serve as a baseline, is in it already, or ran something else.
    """
    for bundle in bundles:
        found = differences(baseline.identity, identity_of(bundle))
        if found:
            raise InputError(f"{bundle.path} does not belong to this baseline: {'; '.join(found)}")
        not_judged([bundle])
        _refuse_unfit(bundle)
        run = series_of(bundle)
        if any(run.source == other.source for other in baseline.runs):
            raise InputError(f"{bundle.path} is in the baseline already; profile again to add another run")
        if baseline.runs and set(run.targets) != set(baseline.target_ids):
            raise InputError(
                f"{bundle.path} has other targets ({', '.join(run.targets)}) than the baseline "
                f"({', '.join(baseline.target_ids)}); profile with the same ones, or start anew with --replace"
            )
        runs = sorted((*baseline.runs, run), key=lambda one: one.created)
        baseline = replace(baseline, runs=tuple(runs))
    return baseline


def _refuse_unfit(bundle: Bundle) -> None:
    finished = {record.id: record for record in bundle.targets}
    for name in bundle.index.target_ids:
        record = finished.get(name)
        if record is None:
            raise InputError(f"{bundle.path} was {bundle.index.state} before {name} finished; profile again")
        if record.compiler_path:
            continue
        if record.status != "ok":
            why = series_of(bundle).targets[name].reason or record.status
            raise InputError(f"{bundle.path}: {name} is {record.status} ({why}); a baseline needs comparable targets")
    for name, target in series_of(bundle).targets.items():
        if not target.settles:
            raise InputError(
                f"{bundle.path}: {name} was disturbed in {target.disturbed} of {target.repetitions} repetitions "
                f"({', '.join(target.detectors)}); end other load on the machine and profile again"
            )


def differences(expected: Identity, found: Identity, *, machine: bool = True) -> tuple[str, ...]:
    """What keeps two runs apart, in words; ``machine`` says whether the machine counts."""
    parts = []
    if machine and expected.fingerprint != found.fingerprint:
        chips = (expected.chip, found.chip)
        named = " and ".join(dict.fromkeys(chips)) if chips[0] == chips[1] else f"{chips[0]} against {chips[1]}"
        parts.append(
            f"the machine differs ({named}; fingerprints {expected.fingerprint[:16]} and {found.fingerprint[:16]})"
        )
    if expected.model_digest != found.model_digest:
        parts.append(
            f"the model differs ({expected.model} against {found.model}; digests {expected.model_digest[:12]} and "
            f"{found.model_digest[:12]})"
        )
    if expected.workload_digest != found.workload_digest:
        sizes = [f"{one.workload} {one.prompt_tokens}+{one.output_tokens}x{one.batch}" for one in (expected, found)]
        parts.append(
            f"the workload differs ({sizes[0]} against {sizes[1]}; digests {expected.workload_digest[:12]} and "
            f"{found.workload_digest[:12]})"
        )
    return tuple(parts)


def setup_differences(baseline: Baseline, run: RunSeries) -> tuple[str, ...]:
    """What was set up otherwise than in the newest baseline run: no obstacle, but it may explain a change."""
    notes = []
    newest = baseline.runs[-1]
    for name, now in run.targets.items():
        before: TargetSeries | None = newest.targets.get(name)
        if before is None or not before.engine or not now.engine:
            continue
        if before.threads != now.threads:
            notes.append(f"{name}: {before.threads} threads in the baseline, {now.threads} in this run")
        if before.engine != now.engine:
            notes.append(f"{name}: {before.engine} in the baseline, {now.engine} in this run")
    return tuple(notes)
