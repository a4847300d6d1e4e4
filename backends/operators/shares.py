"""How much of a model's work runs in each place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from backends.operators.placement import Evidence, OperatorPlacement, Phase, Where

WHERES: tuple[Where, ...] = get_args(Where)
EVIDENCES: tuple[Evidence, ...] = get_args(Evidence)
"""Strongest first."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of one, by place, of one phase's FLOPs and bytes; ``counts`` are operators of the whole model."""

    flops: dict[Where, float]
    bytes_moved: dict[Where, float]
    counts: dict[Where, int]

    @property
    def rejected(self) -> bool:
        """Whether the path cannot execute the model, because it rejects an operator."""
        return self.counts["rejected"] > 0


def shares(placements: Iterable[OperatorPlacement], phase: Phase) -> Shares | None:
    """Return the shares of one phase; None if it has no placements."""
    those = [one for one in placements if one.phase == phase]
    if not those:
        return None
    flops, moved = sum(one.flops for one in those), sum(one.bytes_moved for one in those)
    by_place = {where: [one for one in those if one.where == where] for where in WHERES}
    return Shares(
        {where: sum(one.flops for one in found) / flops if flops else 0.0 for where, found in by_place.items()},
        {where: sum(one.bytes_moved for one in found) / moved if moved else 0.0 for where, found in by_place.items()},
        {where: sum(one.count for one in found) for where, found in by_place.items()},
    )


def weakest_evidence(placements: Iterable[OperatorPlacement]) -> Evidence | None:
    """Return the weakest evidence among them, which a sum over them rests on."""
    return max((one.evidence for one in placements), key=EVIDENCES.index, default=None)


def with_recorded(
    listed: Iterable[OperatorPlacement], recorded: Iterable[OperatorPlacement]
) -> tuple[OperatorPlacement, ...]:
    """Return ``listed``, with the places of a run wherever its evidence is as strong.

    A run of another length, or of the model cut to fewer layers, places the same operators: an operator that it splits
    between places is split here in the same proportions.
    """
    seen = list(recorded)
    merged: list[OperatorPlacement] = []
    for one in listed:
        own = [each for each in seen if (each.phase, each.operator) == (one.phase, one.operator)]
        if not own or min(map(_rank, own)) > _rank(one):
            merged.append(one)
            continue
        merged += [
            replace(
                each,
                count=round(one.count * each.count / sum(part.count for part in own)),
                flops=one.flops * _part(each, own, "flops"),
                bytes_moved=one.bytes_moved * _part(each, own, "bytes_moved"),
            )
            for each in own
        ]
    return tuple(merged)


def _rank(one: OperatorPlacement) -> int:
    return EVIDENCES.index(one.evidence)


def _part(one: OperatorPlacement, of: list[OperatorPlacement], field: str) -> float:
    """Return its part of their sum; of their number if the sum is zero."""
    whole: float = sum(getattr(each, field) for each in of)
    return getattr(one, field) / whole if whole else one.count / sum(each.count for each in of)
