"""What the figures of a target rest on that only its vendor's tools were asked about, in sentences and as facts."""

from __future__ import annotations

from backends.contract.compiled import CompiledGraph
from reports.document import inventory_text as inventory
from reports.document import notation
from reports.document.language import Words
from reports.document.sections.parity import parity_scope, parity_verdict
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.processor import host_processor

Facts = list[tuple[str, str]]


def tool_of(row: Row) -> str:
    """``tpu-mlir 1.30.2``."""
    return f"{row.compiled.toolchain} {row.compiled.version}".strip()


def chip_name(row: Row) -> str:
    """Return the chip in question, by its name in the catalogue or in the target."""
    return row.chip.name if row.chip else row.label


def brief_sentences(group: Group, say: Words) -> list[str]:
    """Speed and parity of each modelled target, and of which chip; the rest is counted."""
    said = [expected(row, say) for row in group.modelled[:MOST_NAMED]]
    if (rest := len(group.modelled) - MOST_NAMED) > 0:
        said.append(say("modelled.more", count=rest))
    return said


def expected(row: Row, say: Words) -> str:
    """Return what the tools expect of the chip, in one sentence."""
    compiled = row.compiled
    values = {"label": row.label, "chip": chip_name(row), "tool": tool_of(row), "simulated": _simulated(row, say)}
    decode, ttft = row.metric("decode_throughput"), row.metric("ttft")
    times = [
        say(f"modelled.time.{name}", value=notation.quantity(figure))
        for name, figure in (("decode", decode), ("ttft", ttft))
        if figure.value is not None
    ]
    if not times:
        return say("modelled.no_times", **values)
    return say("modelled.expects", times=say.listing(times), timing=say.quoted(compiled.timing), **values)


def _simulated(row: Row, say: Words) -> str:
    score = row.record.parity
    if score is None:
        return say("modelled.nothing_computed")
    return say("modelled.simulated_passed" if score.passed else "modelled.simulated_failed")


def rewrites_text(graphs: tuple[CompiledGraph, ...], say: Words) -> str:
    """Return each rewrite with the places it changed, over all graphs."""
    places: dict[str, int] = {}
    for graph in graphs:
        for name, count in graph.rewrites.items():
            places[name] = places.get(name, 0) + count
    changed = [say("modelled.rewrite", name=say.quoted(name), count=count) for name, count in places.items() if count]
    return say.listing(changed) if changed else say("modelled.no_rewrite")


def figure_facts(row: Row, say: Words) -> Facts:
    """Return what the figures of one modelled target rest on and leave out; what tools said is shown as recorded."""
    compiled = row.compiled
    sizes = [
        f"{graph.name} {notation.with_unit(graph.artefact_bytes, 'B')}"
        for graph in compiled.graphs
        if graph.artefact_bytes is not None
    ]
    facts = [
        (say("modelled.fact.chip"), _chip(row, say)),
        (say("modelled.fact.timing"), say.quoted(compiled.timing) or say("modelled.gives_no_times")),
        (say("modelled.fact.left_out"), _gaps(compiled.gaps, say)),
        (say("modelled.fact.parity"), _parity(row, say)),
        (say("modelled.fact.arithmetic"), compiled.arithmetic),
        (say("modelled.fact.rewrites"), rewrites_text(compiled.graphs, say)),
    ]
    return [*facts, (say("modelled.fact.files"), say.listing(sizes))] if sizes else facts


def examined_facts(row: Row, say: Words) -> Facts:
    """By what tools, and where, a target was compiled and simulated that was not run."""
    compiled = row.compiled
    packages = ", ".join(f"{name} {version}" for name, version in compiled.packages.items())
    return [
        (say("modelled.fact.run"), say("modelled.not_run")),
        (say("modelled.fact.tool"), tool_of(row)),
        (say("modelled.fact.simulator"), say.quoted(compiled.simulator) or say("modelled.nothing_computed")),
        (say("facts.packages"), packages or say("facts.none_recorded")),
        (say("modelled.fact.host"), _host(row, say)),
        (say("modelled.fact.chip"), _chip(row, say)),
    ]


def _chip(row: Row, say: Words) -> str:
    part = row.chip
    if part is None:
        return say("facts.not_read")
    return say.clauses([inventory.headline(part, say), say.quoted(part.source)])


def _parity(row: Row, say: Words) -> str:
    score = row.record.parity
    if score is None:
        return say("modelled.nothing_computed")
    return say.clauses([parity_verdict(score, say, simulated=True).text, parity_scope(row, say)])


def _gaps(gaps: tuple[str, ...], say: Words) -> str:
    """Return the gaps as recorded."""
    return say.clauses([say.quoted(gap) for gap in gaps]) if gaps else say("modelled.no_gap")


def _host(row: Row, say: Words) -> str:
    part = host_processor(row.record, row.bundle.host)
    return say("modelled.host", processor=inventory.headline(part, say) if part else say("facts.not_read"))
