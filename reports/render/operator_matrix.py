"""The portability matrix in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backends.operators.count import OperatorCost
from backends.operators.matrix import Matrix, Path
from backends.operators.parts import Part, PartCost
from backends.operators.placement import OperatorPlacement, Phase, Where
from backends.operators.shares import EVIDENCES, WHERES
from reports.document import notation
from reports.render.terminal_table import paragraph, tables

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_WORDS: dict[Where, str] = {"accelerator": "chip", "host": "host", "rejected": "rejected", "unknown": "?"}
_STYLES: dict[Where, str] = {"accelerator": "green", "host": "yellow", "rejected": "bold red", "unknown": "dim"}
_EVIDENCE_TEXT = {
    "executed": "x executed: read from a run on the chip",
    "compiled": "c compiled: the vendor compiler's own table; accepting is not running",
    "partitioned": "p partitioned: by the vendor's execution provider, without the chip",
    "declared": "d declared: a published list",
}
_WHERE_TEXT: dict[Where, str] = {
    "accelerator": "chip: on the accelerator",
    "host": "host: on the host's processor or the chip's own CPU cores",
    "rejected": "rejected: the path cannot run it, and so not the model",
    "unknown": "?: not known",
}
_PART_WORDS: dict[Part, str] = {
    "embedding": "embedding", "attention": "attention", "deltanet": "DeltaNet", "dense": "SwiGLU block",
    "router": "router", "experts": "experts", "shared_expert": "shared expert", "norms": "norms and sums",
    "head": "output head",
}  # fmt: skip
_LETTERS = {evidence: text[0] for evidence, text in _EVIDENCE_TEXT.items()}
_COUNTING = (
    "FLOPs count two per multiply-add; attention of a static prefill computes the whole square of scores. Bytes are "
    "weights, inputs and outputs of each node, once, as if it ran alone: a compiler that fuses nodes moves less."
)
_EXPERTS = (
    "Standard operators with static shapes cannot run a part of the weights by what a router chose. A decode step "
    "copies the chosen experts' matrices and multiplies the copies; a prefill computes every expert for every token."
)


def print_matrix(matrix: Matrix) -> None:
    """Print the matrix at the terminal's width; a table that does not fit goes on in a further one."""
    from rich.console import Console

    console = Console()
    for part in _parts(matrix, console.width):
        console.print(part)


def _parts(matrix: Matrix, width: int) -> list[RenderableType]:
    notes = _Notes()
    phases = " and ".join(
        f"a prefill of {matrix.prompt_tokens:,} tokens"
        if phase == "prefill"
        else f"a decode step at {matrix.context_tokens:,} positions"
        for phase in matrix.operators
    )
    title = f"{matrix.spec.name} in {matrix.precision}: the operators of {phases}, and where they run"
    placements = [one for path in matrix.paths for one in path.placements]
    parts = [paragraph(title, width, "bold"), "", *_operators(matrix, notes, width)]
    places = {one.where for one in placements}
    parts.append(paragraph("; ".join(_WHERE_TEXT[where] for where in WHERES if where in places) + ".", width, "dim"))
    used = {one.evidence for one in placements if one.where != "unknown"}
    parts += [paragraph(_EVIDENCE_TEXT[evidence], width, "dim", 2) for evidence in EVIDENCES if evidence in used]
    for number, text in enumerate(notes.lines(), 1):
        parts.append(paragraph(f"{notation.superscript(number)} {text}", width, "dim", len(str(number)) + 1))
    parts += ["", paragraph("Share of the work", width, "bold"), *_shares(matrix, width)]
    parts += [paragraph("Parts of the model", width, "bold"), *_parts_of_model(matrix, width)]
    if refused := _refused(matrix):
        parts += [*(paragraph(line, width, "bold red", 2) for line in refused), ""]
    parts.append(paragraph("What must be known", width, "bold"))
    parts += [paragraph(f"{names}: {remark}", width, hanging=2) for names, remark in _remarks(matrix)]
    parts += ["", paragraph("Sources", width, "bold")]
    sources = dict.fromkeys((path.toolchain, one.source) for path in matrix.paths for one in path.placements)
    parts += [paragraph(f"{tool}: {source}", width, "dim", 2) for tool, source in sources]
    parts.append(paragraph(_COUNTING, width, "dim"))
    return [*parts, paragraph(_EXPERTS, width, "dim")] if matrix.spec.experts else parts


class _Notes:
    """Footnotes in order of appearance: a text has one number and all operators it is about."""

    def __init__(self) -> None:
        self._operators: dict[str, list[str]] = {}

    def number(self, operator: str, text: str) -> int:
        about = self._operators.setdefault(text, [])
        if operator not in about:
            about.append(operator)
        return list(self._operators).index(text) + 1

    def lines(self) -> list[str]:
        return [f"{', '.join(about)}: {text}" for text, about in self._operators.items()]


def _operators(matrix: Matrix, notes: _Notes, width: int) -> list[RenderableType]:
    """A row an operator, with its share of the work and its place on each path; the sums come last."""
    names = list(dict.fromkeys(one.operator for rows in matrix.operators.values() for one in rows))
    head, sums = ["operator"], ["all"]
    rows: dict[str, list[str | Text]] = {name: [name] for name in names}
    for phase, costs in matrix.operators.items():
        whole, of = matrix.total(phase), {one.operator: one for one in costs}
        head += [f"{phase}\nnodes", "\nFLOPs", "\nbytes"]
        for name, row in rows.items():
            cost = of.get(name, OperatorCost(name, 0, 0.0, 0.0))
            shares = (cost.flops / whole.flops, cost.bytes_moved / whole.bytes_moved)
            row += [f"{cost.count:,}", *map(notation.percent_to_a_tenth, shares)]
        figures = (notation.with_unit(whole.flops, "FLOP"), notation.with_unit(whole.bytes_moved, "B"))
        sums += [f"{whole.count:,}", *figures]
    left = range(len(head), len(head) + len(matrix.paths))
    # A heading has as many lines as its name has parts.
    head += [path.name.replace(" ", "\n").replace(":", ":\n").replace("@", "\n@") for path in matrix.paths]
    places = [[_cell(path, name, matrix, notes) for path in matrix.paths] for name in names]
    body = [[*row, *cells] for row, cells in zip(rows.values(), places, strict=True)]
    return _with_space(tables(head, [*body, [*sums, *[""] * len(matrix.paths)]], width, left=left))


def _cell(path: Path, operator: str, matrix: Matrix, notes: _Notes) -> Text:
    """``chip c``; where the phases differ, or an operator is split between places, a line each."""
    from rich.text import Text

    by_phase: dict[str, dict[str, list[OperatorPlacement]]] = {}
    for phase in matrix.operators:
        if placements := path.of(phase, operator):
            by_phase[phase] = _places(placements)
    if len({tuple(places) for places in by_phase.values()}) == 1:
        first = next(iter(by_phase.values()))
        by_phase = {"": {line: [one for each in by_phase.values() for one in each[line]] for line in first}}
    lines = [
        Text(f"{phase}: " if phase else "") + Text(line + _marks(those, notes), style=_STYLES[those[0].where])
        for phase, places in by_phase.items()
        for line, those in places.items()
    ]
    return Text("\n").join(lines)


def _places(placements: tuple[OperatorPlacement, ...]) -> dict[str, list[OperatorPlacement]]:
    """Return the placements by the text of their place; with the share of the nodes where there are several."""
    those: dict[str, list[OperatorPlacement]] = {}
    for one in sorted(placements, key=lambda one: WHERES.index(one.where)):
        letter = "" if one.where == "unknown" else f" {_LETTERS[one.evidence]}"
        those.setdefault(f"{_WORDS[one.where]}{letter}", []).append(one)
    whole = sum(one.count for one in placements)
    if len(those) == 1:
        return those
    return {
        f"{text} {notation.percent_to_a_tenth(sum(one.count for one in there) / whole)}".replace(
            notation.THIN_SPACE, " "
        ): there
        for text, there in those.items()
    }


def _marks(placements: Sequence[OperatorPlacement], notes: _Notes) -> str:
    numbers = dict.fromkeys(notes.number(one.operator, one.note) for one in placements if one.note)
    return " ".join(map(notation.superscript, numbers))


def _remarks(matrix: Matrix) -> list[tuple[str, str]]:
    """Return each remark once, with the paths it is about: the toolchain's name if they are all of its paths."""
    about: dict[tuple[str, str], list[str]] = {}
    for path in matrix.paths:
        for remark in path.remarks:
            about.setdefault((path.toolchain, remark), []).append(path.name)
    every = Counter(path.toolchain for path in matrix.paths)
    return [
        (tool if len(names) == every[tool] > 1 else ", ".join(names), remark) for (tool, remark), names in about.items()
    ]


def _shares(matrix: Matrix, width: int) -> list[RenderableType]:
    """A row a path and phase: FLOPs and bytes in each place."""
    from rich.text import Text

    head = ["path", "phase", *(f"{kind}\n{_WORDS[where]}" for kind in ("FLOPs", "bytes") for where in WHERES)]
    rows: list[list[str | Text]] = []
    for path in matrix.paths:
        for phase in matrix.operators:
            shares = path.shares(phase)
            figures = [(kind[where], where) for kind in (shares.flops, shares.bytes_moved) for where in WHERES]
            cells = [
                Text(
                    notation.percent_to_a_tenth(share).replace(notation.THIN_SPACE, " "),
                    style=_STYLES[where] if share else "dim",
                )
                for share, where in figures
            ]
            rows.append([path.name, phase, *cells])
    return _with_space(tables(head, rows, width, repeated=2))


def _parts_of_model(matrix: Matrix, width: int) -> list[RenderableType]:
    """A row a part: its share of the work, and on each path how many of its operators run where."""

    phases = list(matrix.parts)
    names = list(dict.fromkeys(one.part for parts in matrix.parts.values() for one in parts))
    head = ["part", *(cell for phase in phases for cell in (f"{phase}\nFLOPs", "\nbytes"))]
    left = range(len(head), len(head) + len(matrix.paths))
    head += [path.name.replace(" ", "\n").replace(":", ":\n").replace("@", "\n@") for path in matrix.paths]
    rows: list[list[str | Text]] = []
    for name in names:
        of = {phase: next((one for one in matrix.parts[phase] if one.part == name), None) for phase in phases}
        row: list[str | Text] = [_PART_WORDS[name]]
        for phase, cost in of.items():
            whole = matrix.total(phase)
            shares = (cost.flops / whole.flops, cost.bytes_moved / whole.bytes_moved) if cost else (0.0, 0.0)
            row += map(notation.percent_to_a_tenth, shares)
        rows.append([*row, *(_kinds(path, of) for path in matrix.paths)])
    return _with_space(tables(head, rows, width, left=left))


def _kinds(path: Path, of: Mapping[Phase, PartCost | None]) -> Text:
    """``chip``, or how many kinds of operators each place has."""
    from rich.text import Text

    places: dict[Where, set[str]] = {}
    for phase, cost in of.items():
        for where, operators in (path.of_part(phase, cost) if cost else {}).items():
            places.setdefault(where, set()).update(operators)
    shown = [where for where in WHERES if where in places]
    many = len(shown) > 1
    return Text("\n").join(
        Text(f"{_WORDS[where]} {len(places[where])}" if many else _WORDS[where], style=_STYLES[where])
        for where in shown
    )


def _refused(matrix: Matrix) -> list[str]:
    """A line for each operator of a part that a path rejects, with its paths."""
    found: dict[tuple[str, str, Phase], list[str]] = {}
    for path in matrix.paths:
        for phase, parts in matrix.parts.items():
            for part in parts:
                for operator in path.of_part(phase, part).get("rejected", ()):
                    found.setdefault((operator, _PART_WORDS[part.part], phase), []).append(path.name)
    return [f"{operator}, in {part}, {phase}: refused by {', '.join(paths)}"
            for (operator, part, phase), paths in found.items()]  # fmt: skip


def _with_space(made: list[RenderableType]) -> list[RenderableType]:
    """Return the tables with an empty line after each."""
    return [part for table in made for part in (table, "")]
