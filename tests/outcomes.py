"""Outcomes and records with one thing changed, for tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from profiler.metrics.catalogue import Context, compute_metrics
from profiler.records.quantity import Quantity
from profiler.records.readings import HOST, SECOND, TARGET, WALL
from profiler.records.target import Measured, TargetRecord

METERS = {"energy": TARGET, "second_energy": SECOND, "host_energy": HOST, "wall_energy": WALL}
REASONS = {"energy_reason": TARGET, "wall_reason": WALL}


def changed(outcome: Any, **changes: Any) -> Any:
    """``outcome`` with other fields; what a meter saw, or why it saw nothing, is named as in :data:`METERS`."""
    for name in METERS.keys() & changes.keys():
        outcome = _with_reading(outcome, METERS[name], energy=changes.pop(name))
    for name in REASONS.keys() & changes.keys():
        outcome = _with_reading(outcome, REASONS[name], reason=changes.pop(name))
    return msgspec.structs.replace(outcome, **changes)


def altered(record: TargetRecord, **changes: Any) -> TargetRecord:
    """``record`` with other fields of its outcome."""
    return replace(record, outcome=changed(record.outcome, **changes))


def _with_reading(outcome: Measured, role: str, **changes: Any) -> Measured:
    others = [reading for reading in outcome.readings if reading.role != role]
    return msgspec.structs.replace(outcome, readings=(replace(outcome.reading(role), **changes), *others))


@dataclass(frozen=True)
class Case:
    """A handmade measurement, and what its figures need to know beside it."""

    measured: Measured
    context: Context

    def but(self, **changes: Any) -> Case:
        """The same with other fields, of the context or of the measurement."""
        own = {name: changes.pop(name) for name in ("accelerator", "ceilings", "spec") if name in changes}
        return Case(changed(self.measured, **changes), replace(self.context, **own))

    @property
    def figures(self) -> dict[str, Quantity]:
        """Every figure."""
        return compute_metrics(self.measured, self.context)
