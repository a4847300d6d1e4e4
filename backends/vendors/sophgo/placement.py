"""Which ONNX operator became which operator of the chip's program.

The compiler names what it computes after the ONNX value and the operator that made it: ``x_MatMul`` is the result of
the MatMul whose output is ``x``. An ONNX operator without an entry was fused into another one, as RMSNorm's seven are
into one; it counts as running where all users of its result run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from backends.operators import OperatorPlacement, Where
from backends.operators.count import NodeCost
from backends.vendors.sophgo.final_mlir import STORE, CompiledOperator

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """One ONNX node. ``became`` names the chip's operator, or what it was fused into."""

    operator: str
    output: str
    where: Where
    became: str


def place_nodes(model: ir.Model, table: Sequence[CompiledOperator]) -> tuple[PlacedNode, ...]:
    """Every node of the graph, in its order; one that the table does not account for is ``unknown``."""
    stored_first = sorted(table, key=lambda operator: operator.name != STORE)
    by_result = {name: operator for operator in stored_first for name in operator.results}
    found: dict[int, PlacedNode] = {}
    for node in reversed(list(model.graph)):
        output = node.outputs[0]
        own = by_result.get(f"{output.name}_{node.op_type}")
        if own is not None:
            where: Where = "accelerator" if own.on_chip else "host"
            found[id(node)] = PlacedNode(node.op_type, str(output.name), where, f"tpu.{own.name}")
            continue
        users = [found[id(user)] for value in node.outputs for user, _ in value.uses()]
        places = {user.where for user in users}
        if len(places) == 1 and not output.is_graph_output():
            into = Counter(user.became.removeprefix("part of ") for user in users).most_common(1)[0][0]
            found[id(node)] = PlacedNode(node.op_type, str(output.name), places.pop(), f"part of {into}")
        else:
            found[id(node)] = PlacedNode(node.op_type, str(output.name), "unknown", "nothing in the compiler's table")
    return tuple(found[id(node)] for node in model.graph)


@dataclass(frozen=True, slots=True)
class PlacedGraph:
    """A graph's nodes, and beside each what it costs, in the same order."""

    phases: tuple[Phase, ...]
    copies: int
    nodes: tuple[PlacedNode, ...]
    costs: Sequence[NodeCost]


def summarise(graphs: Iterable[PlacedGraph], source: str) -> tuple[OperatorPlacement, ...]:
    """One record per phase, operator and place, of the whole model."""
    groups: dict[tuple[Phase, str, Where], list[tuple[PlacedNode, int, float, float]]] = {}
    for graph in graphs:
        for phase in graph.phases:
            for node, cost in zip(graph.nodes, graph.costs, strict=True):
                members = groups.setdefault((phase, node.operator, node.where), [])
                members.append((node, graph.copies, cost.flops, cost.bytes_moved))
    return tuple(
        OperatorPlacement(
            phase=phase,
            operator=operator,
            count=sum(copies for _, copies, _, _ in members),
            flops=sum(copies * flops for _, copies, flops, _ in members),
            bytes_moved=sum(copies * moved for _, copies, _, moved in members),
            where=where,
            evidence="compiled",
            source=source,
            note=_note((node, copies) for node, copies, _, _ in members),
        )
        for (phase, operator, where), members in sorted(groups.items(), key=lambda item: item[0])
    )


def _note(members: Iterable[tuple[PlacedNode, int]]) -> str:
    became: Counter[str] = Counter()
    for node, copies in members:
        became[node.became] += copies
    return ", ".join(f"{count} {name}" for name, count in became.most_common())
