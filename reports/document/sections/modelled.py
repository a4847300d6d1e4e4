"""The panel of vendors' compilers: what each made of every graph, and what its figures leave out."""

from __future__ import annotations

from backends.contract.compiled import CompiledGraph
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    TERMINAL,
    Block,
    Grid,
    GroupView,
    Heading,
    Paragraph,
    Section,
    only_in,
)
from reports.document.sections.boards import board_grid, board_sentence
from reports.document.sections.explained import explained
from reports.document.sections.modelled_facts import chip_name, expected, figure_facts, tool_of
from reports.document.sections.standing import standing_facts
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Comparison, Group, Row

_TERMS = ("modelled_by_tools", "closeness", "parity", "grade")
_HEAD = (
    "graph", "copies", "time", "cycles", "dram", "weights", "working", "cosine", "error", "compile", "simulate",
)  # fmt: skip


def modelled(view: GroupView, say: Words) -> Section | None:
    """Return two tables a target, of its graphs and of what must be known of them; None if no target is modelled.

    The terminal shows a sentence a target.
    """
    group = view.group
    if not group.modelled:
        return None
    blocks: list[Block] = [Paragraph(say("modelled.intro"))]
    for row in group.modelled:
        boards = board_grid(row, group, say)
        grids = [_graphs(row, say), *([boards] if boards else []), _facts(row, group, view.comparison, say)]
        for grid in grids:
            blocks += [Heading(grid.caption), grid]
    blocks += [Paragraph(say("modelled.per_graph"), "note"), explained(say, _TERMS)]
    sentences = [
        text
        for row in group.modelled[:MOST_NAMED]
        for text in (expected(row, say), board_sentence(row, group, say))
        if text
    ]
    shown = (*only_in(FILES, *blocks), *(Paragraph(text, formats=TERMINAL) for text in sentences))
    return Section("modelled", say("modelled.head"), shown, beside=True, terms=_TERMS, formats=EVERY_FORMAT)


def _graphs(row: Row, say: Words) -> Grid:
    compiled = row.compiled
    caption = say("modelled.graphs", label=row.label, tool=tool_of(row), chip=chip_name(row))
    rows = tuple(_graph(graph, say) for graph in compiled.graphs)
    return Grid(caption, tuple(say(f"modelled.column.{name}") for name in _HEAD), rows, kind="dense")


def _graph(graph: CompiledGraph, say: Words) -> tuple[str, ...]:
    phases = say.listing([say(f"dependence.phase.{phase}") for phase in graph.phases])
    return (
        say("modelled.graph", part=say(f"modelled.part.{graph.part}"), phases=phases),
        str(graph.copies),
        _figure(graph.duration_s, "s"),
        notation.DASH if graph.cycles is None else f"≈{notation.count(graph.cycles)}",
        _figure(graph.dram_bytes, "B"),
        _figure(graph.weight_bytes, "B"),
        _figure(graph.working_bytes, "B"),
        notation.DASH if graph.cosine is None else f"{graph.cosine:.7f}",
        _error(graph, say),
        *(notation.DASH if took is None else notation.with_unit(took, "s")
          for took in (graph.compile_s, graph.simulate_s)),
    )  # fmt: skip


def _figure(value: float | None, unit: str) -> str:
    """Return a figure of the tool's own model or plan, with its mark."""
    return notation.DASH if value is None else f"{notation.GRADE_MARKS['modelled']}{notation.with_unit(value, unit)}"


def _error(graph: CompiledGraph, say: Words) -> str:
    """Return the largest error, of the largest value that was right."""
    if graph.max_abs_error is None:
        return notation.DASH
    if graph.max_abs_error >= notation.NOT_FINITE:
        return say("facts.not_finite")
    error = notation.number(graph.max_abs_error)
    if graph.reference_abs_max is None:
        return error
    return say("facts.of", part=error, whole=notation.number(graph.reference_abs_max))


def _facts(row: Row, group: Group, comparison: Comparison, say: Words) -> Grid:
    """Chip, tools and gaps, and how the chip stands under the export rules."""
    under = dict(standing_facts(row, comparison, say))
    names = [name for name in (say("facts.export_control"), say("facts.licence")) if name in under]
    facts = figure_facts(row, say)
    if any(graph.duration_s is not None for graph in row.compiled.graphs):
        boards = board_sentence(row, group, say) or say("modelled.no_board")
        facts.append((say("modelled.fact.boards"), boards))
    facts += [(name, under[name]) for name in names]
    head = (say("modelled.column.what"), say("modelled.column.value"))
    return Grid(say("modelled.facts", label=row.label), head, tuple(facts), most_open=len(facts), kind="text prose")
