"""The panel of vendors' compilers: what each made of every graph, and what its figures leave out."""

from __future__ import annotations

from backends.contract.compiled import CompiledGraph
from reports.document import notation
from reports.document.language import Words
from reports.document.model import Grid
from reports.document.sections.boards import board_grid, board_sentence
from reports.document.sections.grids import Panel
from reports.document.sections.modelled_facts import figure_facts
from reports.document.sections.modelled_wording import chip_name, tool_of
from reports.document.sections.provenance import NOT_FINITE, standing_facts
from reports.judge.comparison.comparison import Comparison, Group, Row
from reports.judge.judgement import GroupJudgement

_TERMS = ("modelled_by_tools", "closeness", "parity", "grade")
_HEAD = (
    "graph", "copies", "time", "cycles", "dram", "weights", "working", "cosine", "error", "compile", "simulate",
)  # fmt: skip


def modelled_panel(judged: GroupJudgement, say: Words) -> Panel | None:
    """Two tables a target, of its graphs and of what must be known of them; None if no target is modelled."""
    group, comparison = judged.group, judged.comparison
    if not group.modelled:
        return None
    grids = []
    for row in group.modelled:
        boards = board_grid(row, group, say)
        grids += [_graphs(row, say), *([boards] if boards else []), _facts(row, group, comparison, say)]
    return Panel(
        "modelled", say("modelled.head"), say("modelled.intro"), tuple(grids), (say("modelled.per_graph"),), _TERMS,
        in_terminal=False,
    )  # fmt: skip


def _graphs(row: Row, say: Words) -> Grid:
    compiled = row.compiled
    caption = say("modelled.graphs", label=row.label, tool=tool_of(compiled), chip=chip_name(row))
    rows = tuple(_graph(graph, say) for graph in compiled.graphs)
    return Grid(caption, tuple(say(f"modelled.column.{name}") for name in _HEAD), rows)


def _graph(graph: CompiledGraph, say: Words) -> tuple[str, ...]:
    phases = say.listing([say(f"dependence.phase.{phase}") for phase in graph.phases])
    return (
        say("modelled.graph", part=say(f"modelled.part.{graph.part}"), phases=phases),
        str(graph.copies),
        _figure(graph.duration_s, "s"),
        notation.DASH if graph.cycles is None else f"≈{graph.cycles:,}".replace(",", notation.THIN_SPACE),
        _figure(graph.dram_bytes, "B"),
        _figure(graph.weight_bytes, "B"),
        _figure(graph.working_bytes, "B"),
        notation.DASH if graph.cosine is None else f"{graph.cosine:.7f}",
        _error(graph, say),
        *(notation.DASH if took is None else notation.with_unit(took, "s")
          for took in (graph.compile_s, graph.simulate_s)),
    )  # fmt: skip


def _figure(value: float | None, unit: str) -> str:
    """A figure of the tool's own model or plan, with its mark."""
    return notation.DASH if value is None else f"{notation.GRADE_MARKS['modelled']}{notation.with_unit(value, unit)}"


def _error(graph: CompiledGraph, say: Words) -> str:
    """The largest error, of the largest value that was right."""
    if graph.max_abs_error is None:
        return notation.DASH
    if graph.max_abs_error >= NOT_FINITE:
        return say("facts.not_finite")
    error = notation.number(graph.max_abs_error)
    if graph.reference_abs_max is None:
        return error
    return say("facts.of", part=error, whole=notation.number(graph.reference_abs_max))


def _facts(row: Row, group: Group, comparison: Comparison, say: Words) -> Grid:
    """Chip, tools and gaps, and how the chip stands under the export rules."""
    under = dict(standing_facts(row, comparison, say))
    names = [name for name in (say("facts.export_control"), say("facts.licence")) if name in under]
    told = figure_facts(row, say)
    if any(graph.duration_s is not None for graph in row.compiled.graphs):
        boards = board_sentence(row, group, say) or say("modelled.no_board")
        told.append((say("modelled.fact.boards"), boards))
    told += [(name, under[name]) for name in names]
    head = (say("modelled.column.what"), say("modelled.column.told"))
    return Grid(say("modelled.facts", label=row.label), head, tuple(told), most_open=len(told), prose=True)
