"""The parts of a model: what each costs, and where a path puts its operators.

A node of the portable graph has its part in its name. Places are known by operator: where a path splits an operator
between places, each of its parts shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from backends.operators.count import NodeCost
from backends.operators.placement import OperatorPlacement, Phase, Where

Part = Literal["embedding", "attention", "deltanet", "dense", "router", "experts", "shared_expert", "norms", "head"]
"""What a model is made of, as a reader calls it. ``dense`` is a SwiGLU block; residual sums count as ``norms``."""

PARTS: tuple[Part, ...] = get_args(Part)
"""In the order of a step."""

_SCOPES: dict[str, Part] = {
    "self_attn": "attention",
    "linear_attn": "deltanet",
    "mlp/gate": "router",
    "mlp/experts": "experts",
    "mlp/shared_expert": "shared_expert",
    "mlp": "dense",
    "embed_tokens": "embedding",
    "lm_head": "head",
}
"""The first of these in a node's name decides; a norm has none."""


def part_of(name: str) -> Part:
    """Return the part of the node called ``name`` (``/model/layers.3/mlp/gate/MatMul``)."""
    padded = f"{name}/"
    return next((part for scope, part in _SCOPES.items() if f"/{scope}/" in padded), "norms")


@dataclass(frozen=True, slots=True)
class PartCost:
    """All nodes of one part in one prefill or one decode step, and their operators."""

    part: Part
    count: int
    flops: float
    bytes_moved: float
    operators: tuple[str, ...]


def sum_by_part(costs: Iterable[NodeCost]) -> tuple[PartCost, ...]:
    """Return whole-model sums, in the order of a step."""
    sums: dict[Part, PartCost] = {}
    for cost in costs:
        part = part_of(cost.name)
        before = sums.get(part, PartCost(part, 0, 0.0, 0.0, ()))
        sums[part] = replace(
            before,
            count=before.count + cost.copies,
            flops=before.flops + cost.copies * cost.flops,
            bytes_moved=before.bytes_moved + cost.copies * cost.bytes_moved,
            operators=tuple(dict.fromkeys((*before.operators, cost.operator))),
        )
    return tuple(sums[part] for part in PARTS if part in sums)


def operators_by_place(
    part: PartCost, phase: Phase, placements: Iterable[OperatorPlacement]
) -> dict[Where, tuple[str, ...]]:
    """Return the operators of a part by where a path runs them."""
    found: dict[Where, list[str]] = {}
    for one in placements:
        if (
            one.phase == phase
            and one.operator in part.operators
            and one.operator not in found.setdefault(one.where, [])
        ):
            found[one.where].append(one.operator)
    return {where: tuple(names) for where, names in found.items()}
