"""How a modelled target came about, as (name, value) lines: chip, tools, times, simulator, gaps."""

from __future__ import annotations

from reports.document import inventory_text as inventory
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.sections.comparison import parity_verdict
from reports.document.sections.modelled_wording import parity_scope, rewrites_text, tool_of
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.processor import host_processor

Facts = list[tuple[str, str]]


def figure_facts(row: Row, say: Words = ENGLISH) -> Facts:
    """What the figures of one modelled target rest on and leave out; what tools said is shown as recorded."""
    compiled = row.compiled
    sizes = [
        f"{graph.name} {notation.with_unit(graph.artefact_bytes, 'B')}"
        for graph in compiled.graphs
        if graph.artefact_bytes is not None
    ]
    facts = [
        (say("modelled.fact.chip"), _chip(row, say)),
        (say("modelled.fact.timing"), compiled.timing or say("modelled.gives_no_times")),
        (say("modelled.fact.left_out"), _gaps(compiled.gaps, say)),
        (say("modelled.fact.parity"), _parity(row, say)),
        (say("modelled.fact.arithmetic"), compiled.arithmetic),
        (say("modelled.fact.rewrites"), rewrites_text(compiled.graphs, say)),
    ]
    return [*facts, (say("modelled.fact.files"), say.listing(sizes))] if sizes else facts


def examined_facts(row: Row, say: Words = ENGLISH) -> Facts:
    """By what tools, and where, a target was compiled and simulated that was not run."""
    compiled = row.compiled
    packages = ", ".join(f"{name} {version}" for name, version in compiled.packages.items())
    return [
        (say("modelled.fact.run"), say("modelled.not_run")),
        (say("modelled.fact.tool"), tool_of(compiled)),
        (say("modelled.fact.simulator"), compiled.simulator or say("modelled.nothing_computed")),
        (say("facts.packages"), packages or say("facts.none_recorded")),
        (say("modelled.fact.host"), _host(row, say)),
        (say("modelled.fact.chip"), _chip(row, say)),
    ]


def _chip(row: Row, say: Words) -> str:
    part = row.chip
    return f"{inventory.headline(part)}; {part.source}" if part else say("facts.not_read")


def _parity(row: Row, say: Words) -> str:
    score = row.record.parity
    if score is None:
        return say("modelled.nothing_computed")
    return say.clauses([parity_verdict(score, say, simulated=True), parity_scope(row, say)])


def _gaps(gaps: tuple[str, ...], say: Words) -> str:
    """The gaps as recorded."""
    return say.clauses(gaps) if gaps else say("modelled.no_gap")


def _host(row: Row, say: Words) -> str:
    part = host_processor(row.record, row.bundle.host)
    return say("modelled.host", processor=inventory.headline(part) if part else say("facts.not_read"))
