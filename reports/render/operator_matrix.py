"""The portability matrix in a terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backends.operators.count import OperatorCost
from backends.operators.matrix import Matrix, Path
from backends.operators.placement import OperatorPlacement, Phase, Where
from backends.operators.shares import EVIDENCES, WHERES, weakest_evidence

if TYPE_CHECKING:
    from rich.text import Text

SCHEMA = "chipassay.operators/1"

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
_LETTERS = {evidence: text[0] for evidence, text in _EVIDENCE_TEXT.items()}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_GAP = 2
_COUNTING = (
    "FLOPs count two per multiply-add; attention of a static prefill computes the whole square of scores. Bytes are "
    "weights, inputs and outputs of each node, once, as if it ran alone: a compiler that fuses nodes moves less."
)


def matrix_document(matrix: Matrix) -> dict[str, Any]:
    """The matrix as plain values; shares are of one."""
    return {
        "schema": SCHEMA,
        "model": {"name": matrix.spec.name, "layers": matrix.spec.layers},
        "precision": matrix.precision,
        "prompt_tokens": matrix.prompt_tokens,
        "context_tokens": matrix.context_tokens,
        "phases": {phase: _phase_document(matrix, phase) for phase in matrix.operators},
        "paths": [_path_document(path, matrix) for path in matrix.paths],
    }


def _phase_document(matrix: Matrix, phase: Phase) -> dict[str, Any]:
    whole = matrix.total(phase)
    return {
        "count": whole.count,
        "flops": whole.flops,
        "bytes_moved": whole.bytes_moved,
        "operators": [
            {
                **asdict(one), "flops_share": one.flops / whole.flops,
                "bytes_share": one.bytes_moved / whole.bytes_moved,
            }
            for one in matrix.operators[phase]
        ],
    }  # fmt: skip


def _path_document(path: Path, matrix: Matrix) -> dict[str, Any]:
    return {
        "name": path.name, "toolchain": path.toolchain, "version": path.version, "mode": path.mode, "chip": path.chip,
        "recorded_in": path.origin or None,
        "shares": {phase: asdict(path.shares(phase)) for phase in matrix.operators},
        "weakest_evidence": weakest_evidence(path.placements),
        "operators": [asdict(one) for one in path.placements],
        "remarks": list(path.remarks),
    }  # fmt: skip


def print_matrix(matrix: Matrix) -> None:
    """Print it at the terminal's width: tables that do not fit are parted, nothing is cut."""
    from rich.console import Console

    console = Console()
    notes = _Notes()
    phases = " and ".join(
        f"a prefill of {matrix.prompt_tokens:,} tokens"
        if phase == "prefill"
        else f"a decode step at {matrix.context_tokens:,} positions"
        for phase in matrix.operators
    )
    _say(console, f"{matrix.spec.name} in {matrix.precision}: the operators of {phases}, and where they run", "bold")
    console.print()
    _operators(console, matrix, notes)
    used = {one.evidence for path in matrix.paths for one in path.placements if one.where != "unknown"}
    places = {one.where for path in matrix.paths for one in path.placements}
    _say(console, "; ".join(_WHERE_TEXT[where] for where in WHERES if where in places) + ".", "dim")
    for evidence in EVIDENCES:
        if evidence in used:
            _say(console, _EVIDENCE_TEXT[evidence], "dim", hanging=2)
    for number, text in enumerate(notes.told(), 1):
        _say(console, f"{_superscript(number)} {text}", "dim", hanging=len(str(number)) + 1)
    console.print()
    _say(console, "Share of the work", "bold")
    _shares(console, matrix)
    _say(console, "What must be known", "bold")
    for names, remark in _remarks(matrix):
        _say(console, f"{names}: {remark}", hanging=2)
    console.print()
    _say(console, "Sources", "bold")
    for tool, source in dict.fromkeys((path.toolchain, one.source) for path in matrix.paths for one in path.placements):
        _say(console, f"{tool}: {source}", "dim", hanging=2)
    _say(console, _COUNTING, "dim")


class _Notes:
    """Footnotes in the order they are met: a text has one number and all operators it is about."""

    def __init__(self) -> None:
        self._operators: dict[str, list[str]] = {}

    def number(self, operator: str, text: str) -> int:
        about = self._operators.setdefault(text, [])
        if operator not in about:
            about.append(operator)
        return list(self._operators).index(text) + 1

    def told(self) -> list[str]:
        return [f"{', '.join(about)}: {text}" for text, about in self._operators.items()]


def _operators(console: Any, matrix: Matrix, notes: _Notes) -> None:
    names = list(dict.fromkeys(one.operator for rows in matrix.operators.values() for one in rows))
    fixed = [["operator", *names, "all"]]
    for phase, rows in matrix.operators.items():
        whole, of = matrix.total(phase), {one.operator: one for one in rows}
        found = [of.get(name, OperatorCost(name, 0, 0.0, 0.0)) for name in names]
        fixed += [
            [f"{phase}\nnodes", *(f"{one.count:,}" for one in found), f"{whole.count:,}"],
            ["\nFLOPs", *(percent(one.flops / whole.flops) for one in found), _amount(whole.flops, "")],
            ["\nbytes", *(percent(one.bytes_moved / whole.bytes_moved) for one in found),
             _amount(whole.bytes_moved, "B")],
        ]  # fmt: skip
    columns = [
        [_title(path.name), *(_cell(path, name, matrix, notes) for name in names), _plain("")] for path in matrix.paths
    ]
    _tables(console, fixed, columns, repeated=1)


def _title(name: str) -> Text:
    """A column's heading on as many lines as it has parts."""
    return _plain(name.replace(" ", "\n").replace(":", ":\n").replace("@", "\n@"))


def _cell(path: Path, operator: str, matrix: Matrix, notes: _Notes) -> Text:
    """``chip c``; where the phases differ, or an operator is split between places, a line each."""
    from rich.text import Text

    told: dict[str, dict[str, list[OperatorPlacement]]] = {}
    for phase in matrix.operators:
        if placements := path.of(phase, operator):
            told[phase] = _places(placements)
    if len({tuple(places) for places in told.values()}) == 1:
        places = {line: [one for each in told.values() for one in each[line]] for line in next(iter(told.values()))}
        told = {"": places}
    lines = [
        Text(f"{phase}: " if phase else "") + Text(line + _marks(those, notes), style=_STYLES[those[0].where])
        for phase, places in told.items()
        for line, those in places.items()
    ]
    return Text("\n").join(lines)


def _places(placements: tuple[OperatorPlacement, ...]) -> dict[str, list[OperatorPlacement]]:
    """What is said of each place -> the placements it holds; with the share of the nodes where there are several."""
    those: dict[tuple[Where, str], list[OperatorPlacement]] = {}
    for one in sorted(placements, key=lambda one: WHERES.index(one.where)):
        letter = "" if one.where == "unknown" else f" {_LETTERS[one.evidence]}"
        those.setdefault((one.where, f"{_WORDS[one.where]}{letter}"), []).append(one)
    whole = sum(one.count for one in placements)
    return {
        f"{text} {percent(sum(one.count for one in found) / whole)}" if len(those) > 1 else text: found
        for (_, text), found in those.items()
    }


def _marks(placements: Sequence[OperatorPlacement], notes: _Notes) -> str:
    numbers = dict.fromkeys(notes.number(one.operator, one.note) for one in placements if one.note)
    return " ".join(map(_superscript, numbers))


def _remarks(matrix: Matrix) -> list[tuple[str, str]]:
    """Each remark once, with the paths it is about: the toolchain's name if they are all of its paths."""
    about: dict[tuple[str, str], list[str]] = {}
    for path in matrix.paths:
        for remark in path.remarks:
            about.setdefault((path.toolchain, remark), []).append(path.name)
    every = Counter(path.toolchain for path in matrix.paths)
    return [
        (tool if len(names) == every[tool] > 1 else ", ".join(names), remark) for (tool, remark), names in about.items()
    ]


def _shares(console: Any, matrix: Matrix) -> None:
    """One row a path and phase: FLOPs and bytes in each place."""
    from rich.text import Text

    names = [["path"], ["phase"]]
    columns = [[_plain(f"{kind}\n{_WORDS[where]}")] for kind in ("FLOPs", "bytes") for where in WHERES]
    for path in matrix.paths:
        for phase in matrix.operators:
            found = path.shares(phase)
            names[0].append(path.name)
            names[1].append(phase)
            told = [(kind[where], where) for kind in (found.flops, found.bytes_moved) for where in WHERES]
            for column, (share, where) in zip(columns, told, strict=True):
                column.append(Text(percent(share), style=_STYLES[where] if share else "dim"))
    half = len(WHERES)
    whole = sum(_width([_plain(cell) for cell in cells]) for cells in names) + sum(map(_width, columns))
    for part in [columns] if whole <= console.width else [columns[:half], columns[half:]]:
        _tables(console, names, part, repeated=2)


def percent(share: float) -> str:
    """A share of one; neither all nor nothing is said unless it is exactly so."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if share > 0.9995 else f"{100 * share:.1f} %"


def _amount(value: float, unit: str) -> str:
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def _tables(console: Any, fixed: list[list[str]], columns: list[list[Text]], *, repeated: int) -> None:
    """Columns that do not fit go to a further table; each begins with the first ``repeated`` columns of ``fixed``.

    Figures stand right, names left; the sums in the last row of the first table are set apart.
    """
    from rich.table import Table

    texts = [[_plain(cell) for cell in cells] for cells in fixed]
    names, figures = texts[:repeated], texts[repeated:]
    sums = bool(figures)
    pages: list[list[list[Text]]] = [[]]
    used = sum(map(_width, names))
    for cells in [*figures, *columns]:
        if pages[-1] and used + _width(cells) > console.width:
            pages.append([])
            used = sum(map(_width, names))
        pages[-1].append(cells)
        used += _width(cells)
    for page in pages:
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for cells in [*names, *page]:
            right = cells not in names and (cells in figures or not sums)
            table.add_column(cells[0], no_wrap=True, justify="right" if right else "left", vertical="top")
        for row in range(1, len(names[0])):
            if sums and row == len(names[0]) - 1 and not any(cells[row].plain for cells in page):
                continue
            table.add_row(*(cells[row] for cells in [*names, *page]))
        console.print(table)
        console.print()


def _width(cells: list[Text]) -> int:
    return max(len(line) for cell in cells for line in cell.plain.split("\n")) + _GAP


def _say(console: Any, text: str, style: str = "", hanging: int = 0) -> None:
    """Wrapped text whose words stay whole."""
    import textwrap

    from rich.text import Text

    lines = textwrap.wrap(
        text, console.width, subsequent_indent=" " * hanging, break_on_hyphens=False, break_long_words=False
    )
    console.print(Text("\n".join(lines), style=style), no_wrap=False)


def _plain(text: str) -> Text:
    from rich.text import Text

    return Text(text)


def _superscript(number: int) -> str:
    return str(number).translate(_SUPERSCRIPTS)
