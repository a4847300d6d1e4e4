"""Projections and the track record in a terminal: modelled figures are in a table and a colour of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.document import notation
from reports.document.language import ENGLISH
from reports.document.sections.reasons import note_text
from reports.judge.projection.explain import Explanation
from reports.judge.projection.groups import TITLES, WANTED_PERCENT
from reports.judge.projection.projection import ChipProjection, Projected, Projection
from reports.judge.projection.track_record import TrackRecord

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLOUR = "magenta"
"""Of modelled figures; measured ones are never shown in it."""

_COLUMNS = {
    "ttft": "TTFT", "tpot": "TPOT", "decode_throughput": "tok/s", "memory": "Memory",
    "energy_per_output_token": "J/tok", "devices_needed": "Needs",
}  # fmt: skip
_LEFT_OUT = {
    "model": "one model left out", "chip": "one chip left out", "chip and engine": "a chip and its engine",
    "external": "other results",
}  # fmt: skip
_MOST_ROWS = 12


def print_projection(found: Projection, record: TrackRecord) -> None:
    """The table of figures, what must be known of each chip, and how well such projections have held."""
    console = _console()
    console.print(
        f"{found.model}, {found.precision}, batch {found.batch}, {found.prompt_tokens} prompt and "
        f"{found.output_tokens} output tokens. Modelled, not measured; below each figure its 80 % interval.",
        style="bold", highlight=False,
    )  # fmt: skip
    table = _table()
    table.add_column("chip", overflow="fold")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True, style=COLOUR)
    for chip in found.chips:
        cells = [_cell(chip.figures[name]) for name in _COLUMNS]
        table.add_row(f"{chip.chip_id}\n{chip.devices} x, {chip.stack}", *cells)
    console.print(table)
    for chip in found.chips:
        for note in _notes(chip):
            console.print(f"{chip.chip_id}: {note}", style="dim", highlight=False, markup=False)
    own = f" and {found.own_figures} figures of your own bundle" if found.own_figures else ""
    console.print()
    console.print(
        f"Fitted to {found.published_figures} published figures{own}. On results it was not fitted to:",
        highlight=False,
    )
    console.print(_record_table(record, families=False))


def _notes(chip: ChipProjection) -> list[str]:
    reasons = [figure.why for figure in chip.figures.values() if figure.why]
    return list(dict.fromkeys(note_text(note, ENGLISH) for note in (*chip.notes, *reasons)))


def _cell(figure: Projected) -> str:
    quantity = figure.quantity
    if quantity.value is None or figure.interval_80 is None:
        return notation.DASH
    low, high = figure.interval_80
    if quantity.unit == "devices":
        span = f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"
        return f"{quantity.value:.0f}\n{span}"
    factor, name = notation.scale_of(quantity.value, quantity.unit)
    name = "" if name in _COLUMNS.values() else f"\u00a0{name}"
    return (
        f"≈{notation.number(quantity.value / factor)}{name}\n"
        f"{notation.number(low / factor)}–{notation.number(high / factor)}"
    ).replace(notation.THIN_SPACE, "\u00a0")


def print_track_record(record: TrackRecord) -> None:
    """What became of the rows, and the scores by what was left out, group and chip family."""
    console = _console()
    rows = record.rows
    console.print(
        f"{rows['rows']} rows: {rows['used']} used as published, {rows['converted']} converted, "
        f"{rows['excluded']} excluded.",
        style="bold", highlight=False,
    )  # fmt: skip
    for title, counts in (("converted", record.conversions), ("excluded", record.exclusions)):
        for reason, count in counts.items():
            console.print(f"  {count:4d} {title}: {reason}", highlight=False, markup=False)
    if record.shared_rows:
        console.print(
            f"{record.shared_rows} figures are the project's own too: each was predicted without any row of its model.",
            highlight=False,
        )
    console.print(_record_table(record, families=True))
    console.print(
        "error: median absolute percentage error of left-out figures, in brackets what was aimed at; in 80 %: share of "
        "them inside the 80 % interval; long: contexts to 128k. A chip left out is foretold from its engine's other "
        "chips; where it has none, the engine is left out with it.",
        style="dim", highlight=False, markup=False,
    )  # fmt: skip


def _record_table(record: TrackRecord, *, families: bool) -> Table:
    table = _table()
    table.add_column("left out, figures", no_wrap=True)
    if families:
        table.add_column("chip family", no_wrap=True)
    for title in ("n", "error", "in 80 %"):
        table.add_column(title, justify="right", no_wrap=True)
    last = None
    for score in record.scores:
        total = score.chip_family == "all"
        if not (families or total):
            continue
        if score.leave_out != last:
            table.add_row(_LEFT_OUT[score.leave_out], style="bold")
            last = score.leave_out
        wanted = WANTED_PERCENT.get((score.leave_out, score.group)) if total else None
        aim = "" if wanted is None else f" [≤ {wanted:g}]"
        cells = [f"  {TITLES[score.group]}" if total else "", *([score.chip_family] if families else []), str(score.n)]
        error = f"{score.median_absolute_percentage_error:.1f} %{aim}"
        table.add_row(*cells, error.replace("[", "\\["), f"{score.interval_coverage:.0%}")
    return table


def print_explanation(explained: tuple[Explanation, ...]) -> None:
    """Every parameter with its levels, and the rows of the same engine and chip."""
    console = _console()
    for one in explained:
        console.print(f"\n{one.chip_id} with {one.stack}", style="bold", highlight=False)
        table = _table()
        table.add_column("parameter")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("of a step", justify="right")
        table.add_column("made of: what all share, times each level's factor", overflow="fold")
        for parameter in one.parameters:
            value = f"{parameter.value:.3f}" if parameter.unit == "1" else notation.with_unit(parameter.value, "s")
            first, *rest = parameter.levels.items()
            shared = f"{first[1]:.3f}" if parameter.unit == "1" else notation.with_unit(first[1], "s")
            factors = " ".join(f"x {factor:.2f} ({level})" for level, factor in rest if abs(factor - 1) >= 0.015)
            table.add_row(parameter.name, value, f"{parameter.step_share:.0%}", f"{shared} {factors}")
        console.print(table)
        counts = ", ".join(f"{level}: {count}" for level, count in one.results.items())
        console.print(f"Results behind each level: {counts}", style="dim", highlight=False, markup=False)
        for row in one.rows[:_MOST_ROWS]:
            console.print(
                f"  {row.place}: {row.model} {row.precision}, batch {row.batch}, {row.prompt_tokens} + "
                f"{row.output_tokens} tokens: {row.published:g} {row.unit}, fitted {row.fitted_over_published:.2f} "
                f"of it ({row.confidence}; {row.source})",
                highlight=False, markup=False,
            )  # fmt: skip
        if len(one.rows) > _MOST_ROWS:
            console.print(f"  and {len(one.rows) - _MOST_ROWS} more (--json lists all)", style="dim", highlight=False)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bold")
