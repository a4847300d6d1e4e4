"""Operators as plain values: those of a report's targets, and the portability matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from backends.operators.matrix import Matrix, Path
from backends.operators.placement import Phase
from backends.operators.shares import weakest_evidence
from reports.judge.comparison.comparison import Row
from reports.judge.placement import dependences, toolchain_of

MATRIX_SCHEMA = "chipassay.operators/1"


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


def matrix_document(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as plain values; shares are of one."""
    return {
        "schema": MATRIX_SCHEMA,
        "model": {"name": matrix.spec.name, "layers": matrix.spec.layers},
        "precision": matrix.precision,
        "prompt_tokens": matrix.prompt_tokens,
        "context_tokens": matrix.context_tokens,
        "phases": {phase: _phase_document(matrix, phase) for phase in matrix.operators},
        "paths": [_path_document(path, matrix) for path in matrix.paths],
    }


def _phase_document(matrix: Matrix, phase: Phase) -> dict[str, Any]:
    whole = matrix.total(phase)
    return {
        "count": whole.count,
        "flops": whole.flops,
        "bytes_moved": whole.bytes_moved,
        "operators": [
            {
                **asdict(one), "flops_share": one.flops / whole.flops,
                "bytes_share": one.bytes_moved / whole.bytes_moved,
            }
            for one in matrix.operators[phase]
        ],
        "parts": [asdict(one) for one in matrix.parts[phase]],
    }  # fmt: skip


def _path_document(path: Path, matrix: Matrix) -> dict[str, Any]:
    return {
        "name": path.name, "toolchain": path.toolchain, "version": path.version, "mode": path.mode, "chip": path.chip,
        "recorded_in": path.origin or None,
        "shares": {phase: asdict(path.shares(phase)) for phase in matrix.operators},
        "weakest_evidence": weakest_evidence(path.placements),
        "operators": [asdict(one) for one in path.placements],
        "parts": {
            phase: {part.part: path.of_part(phase, part) for part in parts} for phase, parts in matrix.parts.items()
        },
        "remarks": list(path.remarks),
    }  # fmt: skip
