"""What a check found, as the document ``--json`` prints. Its JSON Schema is ``reports/gate/schemas/check-1.json``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from profiler.records.quantity import Grade
from reports.gate.series import Identity

CHECK_SCHEMA = "chipassay.check/1"

Verdict = Literal["regressed", "improved", "unchanged", "inconclusive", "unavailable"]
BudgetVerdict = Literal["met", "broken", "inconclusive", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric of one target against its baseline.

    ``baseline`` and ``current`` are typical runs (geometric mean of the runs' medians). ``ratio`` is current over
    baseline at the same pace of the machine, with its interval at ``confidence``; ``raw_ratio`` is the ratio as it was,
    and ``machine_ratio`` the pace of the machine now over then, None where it took no part. ``spread`` is the relative
    standard deviation between runs that entered the interval, and ``effect_size`` the change in such deviations,
    positive where it got better. ``runs`` and ``repetitions`` are those of baseline and current.
    """

    target: str
    metric: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    gated: bool
    verdict: Verdict
    explanation: str
    baseline: float | None = None
    current: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    raw_ratio: float | None = None
    machine_ratio: float | None = None
    spread: float | None = None
    effect_size: float | None = None
    runs: tuple[int, int] = (0, 0)
    repetitions: tuple[int, int] = (0, 0)
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class BudgetFinding:
    """One line of the budget file, for one target (empty for a figure of the whole run)."""

    target: str
    metric: str
    limit: str
    origin: str
    verdict: BudgetVerdict
    explanation: str
    unit: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    grade: Grade = "unavailable"


@dataclass(frozen=True, slots=True)
class TargetFinding:
    """A target that could not be judged at all, or ran with its figures in doubt."""

    target: str
    verdict: Literal["failed", "inconclusive"]
    explanation: str


Judged = Finding | BudgetFinding | TargetFinding


@dataclass(frozen=True, slots=True)
class Rules:
    """What the verdicts rest on. ``tests`` share the false alarms."""

    false_alarms: float
    tests: int
    smallest_effect: float
    loss_to_catch: float
    strict: bool


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The whole check. ``notes`` tell what a reader should know before believing it."""

    schema: str
    passed: bool
    summary: str
    bundles: tuple[str, ...]
    baseline: str | None
    identity: Identity
    baseline_runs: int
    rules: Rules
    targets: tuple[TargetFinding, ...]
    findings: tuple[Finding, ...]
    budgets: tuple[BudgetFinding, ...]
    notes: tuple[str, ...]

    @property
    def deciding(self) -> tuple[Judged, ...]:
        """Everything that could fail the check."""
        return deciding(self.targets, self.findings, self.budgets)

    @property
    def failures(self) -> tuple[Judged, ...]:
        """What makes the check fail."""
        return tuple(one for one in self.deciding if one.verdict in failing(strict=self.rules.strict))

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed."""
        return 0 if self.passed else 1


def deciding(
    targets: Iterable[TargetFinding], findings: Iterable[Finding], budgets: Iterable[BudgetFinding]
) -> tuple[Judged, ...]:
    """What could fail a check: a metric that is not gated only informs."""
    every: list[Judged] = [*targets]
    every += [one for one in findings if one.gated]
    every += budgets
    return tuple(every)


def failing(*, strict: bool) -> tuple[str, ...]:
    """Verdicts that fail a check; an inconclusive one does only if asked."""
    return ("regressed", "broken", "failed", *(("inconclusive",) if strict else ()))
