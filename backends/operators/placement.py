"""Where the operators of a path run, and the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from backends.operators.count import NodeCost

Phase = Literal["prefill", "decode"]

Where = Literal["accelerator", "host", "rejected", "unknown"]
"""On the accelerator; on the host's processor (or the chip's own CPU cores); refused by the toolchain; not known."""

Evidence = Literal["executed", "compiled", "partitioned", "declared"]
"""How a place is known, strongest first.

``executed``: read from a run on the chip. ``compiled``: from the vendor compiler's own table; a compiler that accepts
an operator does not prove that the chip runs it. ``partitioned``: the vendor's execution provider partitioned the
graph, without the chip. ``declared``: a published list.
"""


@dataclass(frozen=True, slots=True)
class OperatorPlacement:
    """All operators of one kind in one phase that run in one place.

    ``count``, ``flops`` and ``bytes_moved`` are of the whole model for one prefill or one decode step; bytes are those
    of weights, inputs and outputs in the path's precision, each read or written once. ``source`` names the table, list
    or run it was read from; ``note`` adds a caveat.
    """

    phase: Phase
    operator: str
    count: int
    flops: float
    bytes_moved: float
    where: Where
    evidence: Evidence
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operator runs: evidence, source, and a caveat."""

    where: Where
    evidence: Evidence
    source: str
    note: str = ""


def place_nodes(
    phase: Phase, costs: Iterable[NodeCost], place_of: Callable[[NodeCost], Place]
) -> tuple[OperatorPlacement, ...]:
    """Return the placements of a whole model from the place of each of its nodes, in their order.

    ``costs`` are those of :func:`backends.operators.count.count_model`; nodes of one operator with the same place are
    one placement.
    """
    sums: dict[tuple[str, Place], tuple[int, float, float]] = {}
    for cost in costs:
        key = (cost.operator, place_of(cost))
        count, flops, moved = sums.get(key, (0, 0.0, 0.0))
        sums[key] = (
            count + cost.copies,
            flops + cost.copies * cost.flops,
            moved + cost.copies * cost.bytes_moved,
        )
    return tuple(
        OperatorPlacement(phase, operator, *total, place.where, place.evidence, place.source, place.note)
        for (operator, place), total in sums.items()
    )
