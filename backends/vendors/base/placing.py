"""Where the nodes of a graph run, from a vendor compiler's table of what it left to the CPU.

Compilers fuse: their tables name no ONNX node. What they leave to the CPU keeps its kind and its number of elements, so
a node is on the host if the table has such a row left for it, and otherwise on the accelerator. Two nodes alike in kind
and size can change places by that, which changes no share of FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backends.contract.workload import Workload
from backends.operators import OperatorPlacement, Place
from backends.qwen.model import ModelSpec

if TYPE_CHECKING:
    import onnx_ir as ir

    from backends.operators.count import NodeCost

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True, slots=True)
class HostRow:
    """A row of a compiler's table that runs on the CPU.

    ``operator`` is the vendor's name; ``onnx`` the ONNX operators it may stand for, none if the compiler put it in by
    itself; ``elements`` of its output.
    """

    operator: str
    onnx: tuple[str, ...]
    elements: int


@dataclass(frozen=True, slots=True)
class PlacedGraph:
    """The nodes of one graph with what each costs and where it runs; ``extra`` are rows that no node accounts for."""

    phases: tuple[Phase, ...]
    copies: int
    nodes: tuple[tuple[NodeCost, Place], ...]
    extra: tuple[tuple[str, Place], ...]


def place_graph(
    graph: Path,
    rows: Sequence[HostRow],
    accelerator: Place,
    host: Callable[[HostRow], Place],
    precision: str,
    phases: tuple[Phase, ...],
    copies: int,
) -> PlacedGraph:
    """Every node of the ONNX file ``graph``, as the compiler was given it.

    ``accelerator`` is the place of a node without a row on the CPU, ``host`` the place of one with such a row.
    """
    import onnx_ir as ir

    from backends.operators.count import count_graph, element_bytes

    model = ir.load(graph)
    left = list(rows)
    nodes = []
    for node, cost in zip(model.graph, count_graph(model, *element_bytes(precision)), strict=True):
        row = next((row for row in left if node.op_type in row.onnx and row.elements == _elements(node)), None)
        if row is not None:
            left.remove(row)
        nodes.append((cost, accelerator if row is None else host(row)))
    extra = tuple((row.operator, _put_in(host(row))) for row in left)
    return PlacedGraph(phases, copies, tuple(nodes), extra)


def whole_model(
    graphs: Iterable[PlacedGraph], spec: ModelSpec, workload: Workload, precision: str
) -> tuple[OperatorPlacement, ...]:
    """One record per phase, operator and place; what the compiler put in counts, and has no share of the model."""
    from backends.operators.count import element_bytes

    sums: dict[tuple[Phase, str, Place], tuple[int, float, float]] = {}
    for graph in graphs:
        added = [(cost.operator, place, cost.flops, cost.bytes_moved) for cost, place in graph.nodes]
        added += [(operator, place, 0.0, 0.0) for operator, place in graph.extra]
        for phase in graph.phases:
            for operator, place, flops, moved in added:
                before = sums.get((phase, operator, place), (0, 0.0, 0.0))
                more = (graph.copies, graph.copies * flops, graph.copies * moved)
                sums[phase, operator, place] = (before[0] + more[0], before[1] + more[1], before[2] + more[2])
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], item[0][1], item[0][2].where, item[0][2].note))
    placed = tuple(
        OperatorPlacement(phase, operator, *total, place.where, place.evidence, place.source, place.note)
        for (phase, operator, place), total in ordered
    )
    return (*embedding_lookup(spec, workload, element_bytes(precision)[0]), *placed)


def embedding_lookup(spec: ModelSpec, workload: Workload, element_bytes: float) -> tuple[OperatorPlacement, ...]:
    """The look-up, which is in no graph given to a compiler."""
    tokens: dict[Phase, int] = {"prefill": workload.batch * workload.prompt_tokens, "decode": workload.batch}
    return tuple(
        OperatorPlacement(
            phase=phase,
            operator="Gather",
            count=1,
            flops=0.0,
            bytes_moved=rows * (2 * spec.hidden_size * element_bytes + 8),
            where="host",
            evidence="compiled",
            source="chipassay's own division of the model",
            note="embedding look-up: rows of a table in the host's memory, given to no compiler",
        )
        for phase, rows in tokens.items()
    )


def _put_in(place: Place) -> Place:
    return replace(place, note=f"put in by the compiler, no part of the model; {place.note}".removesuffix("; "))


def _elements(node: ir.Node) -> int:
    shape = node.outputs[0].shape
    assert shape is not None
    return prod(int(size) for size in shape)
