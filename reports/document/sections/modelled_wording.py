"""Sentences about targets that only a vendor's tools were asked about."""

from __future__ import annotations

from backends.contract.compiled import Compiled, CompiledGraph
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Group, Row


def tool_of(compiled: Compiled) -> str:
    """``tpu-mlir 1.30.2``."""
    return f"{compiled.toolchain} {compiled.version}".strip()


def chip_name(row: Row) -> str:
    """The chip in question, by its name in the catalogue or in the target."""
    return row.chip.name if row.chip else row.label


def brief_sentences(group: Group, say: Words = ENGLISH) -> list[str]:
    """Speed and parity of each modelled target, and of which chip; the rest is counted."""
    said = [expected(row, say) for row in group.modelled[:MOST_NAMED]]
    if (rest := len(group.modelled) - MOST_NAMED) > 0:
        said.append(say("modelled.more", count=rest))
    return said


def expected(row: Row, say: Words = ENGLISH) -> str:
    """What the tools expect of the chip, in one sentence."""
    compiled = row.compiled
    values = {"label": row.label, "chip": chip_name(row), "tool": tool_of(compiled), "simulated": _simulated(row, say)}
    decode, ttft = row.metric("decode_throughput"), row.metric("ttft")
    times = [
        say(f"modelled.time.{name}", value=notation.quantity(figure))
        for name, figure in (("decode", decode), ("ttft", ttft))
        if figure.value is not None
    ]
    if not times:
        return say("modelled.no_times", **values)
    return say("modelled.expects", times=say.listing(times), timing=compiled.timing, **values)


def _simulated(row: Row, say: Words) -> str:
    score = row.record.parity
    if score is None:
        return say("modelled.nothing_computed")
    return say("modelled.simulated_passed" if score.passed else "modelled.simulated_failed")


def parity_scope(row: Row, say: Words = ENGLISH) -> str:
    """What of the model was simulated, as recorded."""
    compiled = row.compiled
    scope = compiled.parity_scope or say("modelled.scope_unrecorded")
    return say("modelled.parity_scope", simulator=compiled.simulator or compiled.toolchain, scope=scope)


def rewrites_text(graphs: tuple[CompiledGraph, ...], say: Words) -> str:
    """Each rewrite with the places it changed, over all graphs."""
    places: dict[str, int] = {}
    for graph in graphs:
        for name, count in graph.rewrites.items():
            places[name] = places.get(name, 0) + count
    changed = [say("modelled.rewrite", name=name, count=count) for name, count in places.items() if count]
    return say.listing(changed) if changed else say("modelled.no_rewrite")
