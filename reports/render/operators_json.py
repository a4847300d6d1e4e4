"""Operators in ``report.json``: every placement of a target, and the shares of the work outside accelerators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from reports.judge.comparison.comparison import Row
from reports.judge.placement import dependences, toolchain_of


def operators_document(row: Row) -> list[dict[str, Any]]:
    """Every placement, as recorded."""
    return [asdict(one) for one in row.record.operators]


def operator_dependence_document(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For each target and phase: shares of FLOPs and bytes by place, and outside the accelerator.

    A path with rejected operators cannot execute the model: it is not feasible.
    """
    return [
        {
            "label": one.row.label,
            "toolchain": toolchain_of(one.row),
            "phase": one.phase,
            "modelled": one.row.modelled,
            "flops_share": one.shares.flops,
            "bytes_share": one.shares.bytes_moved,
            "count": one.shares.counts,
            "flops_outside": 1 - one.shares.flops["accelerator"],
            "bytes_outside": 1 - one.shares.bytes_moved["accelerator"],
            "evidence": one.evidence,
            "rejected": list(one.row.rejected),
        }
        for one in dependences(rows)
    ]
