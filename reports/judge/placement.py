"""Placements of a report's targets, as their records hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backends.operators.placement import Evidence, OperatorPlacement, Phase
from backends.operators.shares import Shares, shares, weakest_evidence
from reports.judge.comparison.comparison import Row

PHASES: tuple[Phase, ...] = ("prefill", "decode")


@dataclass(frozen=True, slots=True)
class Dependence:
    """One phase of one target: how much of it lies where. ``evidence`` is the weakest among its placements."""

    row: Row
    phase: Phase
    shares: Shares
    evidence: Evidence


def placed_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows whose records say where operators run."""
    return [row for row in rows if row.record.operators]


def dependences(rows: Iterable[Row]) -> list[Dependence]:
    """Both phases of every row that placed operators, in the order of the rows."""
    found = []
    for row in placed_rows(rows):
        for phase in PHASES:
            those = [one for one in row.record.operators if one.phase == phase]
            share, evidence = shares(those, phase), weakest_evidence(those)
            if share is not None and evidence is not None:
                found.append(Dependence(row, phase, share, evidence))
    return found


def toolchain_of(row: Row) -> str:
    """The tool that placed the operators, with its version."""
    if row.modelled:
        compiled = row.compiled
        return f"{compiled.toolchain} {compiled.version}".strip()
    worker = row.record.worker
    return f"{worker.engine.engine} {worker.engine.version}" if worker else row.record.backend


def operator_names(rows: Iterable[Row], phase: Phase) -> dict[str, OperatorPlacement]:
    """Operators of a phase by name, the most FLOPs first, each with its sums over all places of one target.

    Sums are of the first row that has the operator; ``where`` and what follows mean nothing in them.
    """
    found: dict[str, OperatorPlacement] = {}
    for row in placed_rows(rows):
        own: dict[str, list[OperatorPlacement]] = {}
        for one in row.record.operators:
            if one.phase == phase:
                own.setdefault(one.operator, []).append(one)
        for name, those in own.items():
            if name not in found:
                found[name] = OperatorPlacement(
                    phase, name, sum(one.count for one in those), sum(one.flops for one in those),
                    sum(one.bytes_moved for one in those), those[0].where, those[0].evidence, "",
                )  # fmt: skip
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].flops, -pair[1].bytes_moved, pair[0])))
