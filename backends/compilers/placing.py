"""Where the nodes of a graph run, from a vendor compiler's table of what it left to the CPU.

Compilers fuse: their tables name no ONNX node. What they leave to the CPU keeps its kind and its number of elements, so
a node is on the host if the table has such a row left for it, and otherwise on the accelerator. Two nodes alike in kind
and size can change places by that, which changes no share of FLOPs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backends.model import ModelSpec
from backends.operators import OperatorPlacement, Place
from backends.workload import Workload

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
    extra: tuple[HostRow, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What to say of a node: the place of one on the accelerator, of one on the host, of one the compiler put in."""

    accelerator: Place
    host: Place
    inserted: Place


def place_graph(
    graph: Path, rows: Sequence[HostRow], table: Table, precision: str, phases: tuple[Phase, ...], copies: int
) -> PlacedGraph:
    """Every node of the ONNX file ``graph``, as the compiler was given it."""
    import onnx_ir as ir

    from backends.operators.count import count_graph, element_bytes

    model = ir.load(graph)
    left = list(rows)
    nodes = []
    for node, cost in zip(model.graph, count_graph(model, *element_bytes(precision)), strict=True):
        row = next((row for row in left if node.op_type in row.onnx and row.elements == _elements(node)), None)
        if row is not None:
            left.remove(row)
        nodes.append((cost, table.accelerator if row is None else table.host))
    return PlacedGraph(phases, copies, tuple(nodes), tuple(left))


def whole_model(
    graphs: Iterable[PlacedGraph], table: Table, spec: ModelSpec, workload: Workload, precision: str
) -> tuple[OperatorPlacement, ...]:
    """One record per phase, operator and place; rows of the compiler's own count, and have no share of the model."""
    from backends.operators.count import element_bytes

    found = list(embedding_lookup(spec, workload, element_bytes(precision)[0]))
    sums: dict[tuple[Phase, str, Place], tuple[int, float, float]] = {}
    extra: Counter[tuple[Phase, str]] = Counter()
    for graph in graphs:
        for phase in graph.phases:
            for cost, place in graph.nodes:
                count, flops, moved = sums.get((phase, cost.operator, place), (0, 0.0, 0.0))
                sums[phase, cost.operator, place] = (
                    count + graph.copies,
                    flops + graph.copies * cost.flops,
                    moved + graph.copies * cost.bytes_moved,
                )
            for row in graph.extra:
                extra[phase, row.operator] += graph.copies
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], item[0][1], item[0][2].where))
    found += [
        OperatorPlacement(phase, operator, *total, place.where, place.evidence, place.source, place.note)
        for (phase, operator, place), total in ordered
    ]
    own = table.inserted
    found += [
        OperatorPlacement(phase, operator, count, 0.0, 0.0, own.where, own.evidence, own.source, own.note)
        for (phase, operator), count in sorted(extra.items())
    ]
    return tuple(found)


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


def _elements(node: ir.Node) -> int:
    shape = node.outputs[0].shape
    assert shape is not None
    return prod(int(size) for size in shape)
