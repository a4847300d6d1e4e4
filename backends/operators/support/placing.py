"""Where a toolchain puts an operator, by the strongest evidence there is.

What a compiler did with whole Qwen graphs comes first, then what it did with the operator alone, then a published list.
A place that evidence leaves unknown is looked for in the next. A compiler that puts an operator on the CPU which no
list has (see :class:`~backends.operators.support.lists.Mode`) has not shown that the chip runs it: it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from backends.operators.placement import OperatorPlacement, Phase, Place, Where, place_nodes
from backends.operators.support.lists import Mode, Probe, Support
from backends.operators.support.reading import find_support

if TYPE_CHECKING:
    from backends.operators.count import NodeCost

_WORST: tuple[Where, ...] = ("rejected", "host", "unknown", "accelerator")
"""Of several probes of one operator, the first of these counts."""

_UNDECLARED = "the compiler puts it on the CPU, but the published list does not have it: no proof that the chip runs it"


def place(
    toolchain: str, chip: str, mode: str, precision: str, phase: Phase, costs: Iterable[NodeCost]
) -> tuple[OperatorPlacement, ...]:
    """Placements of a model's nodes (:func:`backends.operators.count.count_model`) on ``toolchain``.

    ``chip`` and ``mode`` may be empty: whatever the toolchain was tried for first, and the usual mode of ``precision``.

    Raises:
        InputError: If there is no such toolchain or mode.
    """
    support, named = find_support(toolchain, mode)
    chosen = support.mode(named, precision)
    return place_nodes(phase, costs, lambda cost: place_operator(support, chosen, chip, cost.operator))


def place_operator(support: Support, mode: Mode, chip: str, operator: str) -> Place:
    """The place of one operator in its usual form."""
    found = next((place for place in _known(support, mode, chip, operator) if place.where != "unknown"), None)
    if found is None:
        found = _told_nothing(support, mode)
    notes = [note.note for note in support.notes if operator in note.operators]
    declared = mode.declared
    if declared is not None and operator in declared.restricted:
        notes.append(f"the list takes it with a restriction: {declared.restricted[operator]}")
    where, own = found.where, [found.note] if found.note else []
    if where == "host" and mode.host_needs_declaration and not (declared and declared.holds(operator)):
        where, own = "rejected", [_UNDECLARED]
    return Place(where, found.evidence, found.source, "; ".join(dict.fromkeys(own + notes)))


def _known(support: Support, mode: Mode, chip: str, operator: str) -> Iterator[Place]:
    """Places by strength of evidence; whole graphs before single nodes."""
    for seen in mode.observed_on(chip):
        if operator in seen.where:
            yield Place(seen.where[operator], seen.evidence, support.sources[seen.source])
    if mode.probed is not None:
        probed = [
            (mode.probed.where[probe.results.get(mode.name) or probe.results[""]], probe)
            for probe in support.probes
            if probe.operator == operator and not probe.form
        ]
        if probed:
            where, probe = min(probed, key=lambda pair: _WORST.index(pair[0]))
            yield Place(where, mode.probed.evidence, support.sources[mode.probed.source], _detail(where, probe))
    if mode.declared is not None:
        where = mode.declared.where if mode.declared.holds(operator) else mode.declared.absent
        yield Place(where, "declared", support.sources[mode.declared.source])


def _detail(where: Where, probe: Probe) -> str:
    detail = probe.facts.get("detail")
    return f"the tool says: {detail}" if where == "rejected" and detail else ""


def _told_nothing(support: Support, mode: Mode) -> Place:
    source = mode.declared.source if mode.declared else next(one.source for one in mode.observed)
    return Place("unknown", "declared", support.sources[source])
