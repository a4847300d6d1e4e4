"""The projections of a report: the chips asked for, in a separate box, and the track record of such projections.

Each group of the report gives its model, its workload and its measured figures, as evidence beside the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    MOST_LISTED,
    Block,
    Grid,
    GroupView,
    Heading,
    Paragraph,
    Section,
    Several,
)
from reports.document.sections.explained import explained
from reports.document.sections.reasons import note_text
from reports.judge.projection.backtest import Score
from reports.judge.projection.groups import chip_family
from reports.judge.projection.projection import ChipProjection, Projected, Projection
from reports.judge.projection.situation import Device
from reports.judge.projection.track_record import TrackRecord, track_record

FIGURES = ("ttft", "tpot", "decode_throughput", "memory", "energy_per_output_token", "devices_needed")
"""Columns of the table, in their order."""

_TERMS = ("grade", "interval_80", "track_record", "devices_needed")
_LEFT_OUT = {"model": "model", "chip": "chip", "chip and engine": "chip_and_engine", "external": "external"}
_MOST_FAMILY_ROWS = 12
_MOST_RUNS = 4
"""Measured runs that are named before the rest is counted."""


def projection(view: GroupView, say: Words) -> Section | None:
    """Return the table of figures, the track record below it, and what must be known of each chip."""
    found = view.judged.projection
    if found is None:
        return None
    record = track_record()
    work = say(
        "projection.intro", model=found.model, precision=found.precision, batch=found.batch,
        prompt=found.prompt_tokens, output=found.output_tokens,
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(say.together([work, _anchoring(found, say)])),
        *figures(found, say),
        *(block for grid in _track_record(found, record, say) for block in (Heading(grid.caption), grid)),
        *notes(found, say),
        explained(say, _TERMS),
    ]
    return Section("projection", say("projection.head"), tuple(blocks), beside=True, terms=_TERMS, formats=EVERY_FORMAT)


def figures(found: Projection, say: Words) -> list[Block]:
    """Return the table of figures with its heading."""
    grid = _figures(found, say)
    return [Heading(grid.caption), grid]


def notes(found: Projection, say: Words) -> list[Block]:
    """Return what must be known of each chip, of energy, and of the track record."""
    said = [
        say("projection.of_chip", chip=chip.chip_id, notes=say.clauses([note_text(note, say) for note in chip.notes]))
        for chip in found.chips
    ]
    if any(chip.figures["energy_per_output_token"].interval_80 for chip in found.chips):
        said.append(say("projection.energy"))
    rows = track_record().rows
    counts = {name: rows[name] for name in ("rows", "used", "converted", "excluded")}
    said += [say("projection.record.meaning"), say("projection.record.rows", **counts)]
    return [Several(tuple(Paragraph(text, "note") for text in said), MOST_LISTED)]


def _anchoring(found: Projection, say: Words) -> str:
    values = {"published": found.published_figures, "own": found.own_figures}
    if not found.own_runs:
        return say("projection.not_anchored", **values)
    named, rest = list(found.own_runs[:_MOST_RUNS]), len(found.own_runs) - _MOST_RUNS
    if rest > 0:
        named.append(say("page.more", count=rest))
    return say("projection.anchored", targets=say.listing(named), **values)


def _figures(found: Projection, say: Words) -> Grid:
    head = ("chip", "engine", *FIGURES)
    rows = [
        (chip.chip_id, f"{chip.devices}\u00a0× {chip.stack}", *(_cell(chip.figures[name]) for name in FIGURES))
        for chip in found.chips
    ]
    titles = tuple(say(f"projection.column.{name}") for name in head)
    return Grid(say("projection.figures"), titles, tuple(rows), kind="dense")


def _cell(figure: Projected) -> str:
    """Return the figure, and its interval on a second line."""
    quantity = figure.quantity
    if quantity.value is None or figure.interval_80 is None:
        return notation.DASH
    low, high = figure.interval_80
    if quantity.unit == "devices":
        return f"≈{quantity.value:.0f}\n({low:.0f}–{high:.0f})"
    factor, _ = notation.scale_of(quantity.value, quantity.unit)
    return f"{notation.quantity(quantity)}\n({notation.number(low / factor)}–{notation.number(high / factor)})"


def _track_record(found: Projection, record: TrackRecord, say: Words) -> tuple[Grid, Grid]:
    """Scores over all chips, and by chip family: those of the chips asked for come first."""
    asked = {_family(chip) for chip in found.chips}
    whole = [score for score in record.scores if score.chip_family == "all"]
    families = [score for score in record.scores if score.chip_family != "all"]
    families.sort(key=lambda score: (score.chip_family not in asked, score.chip_family))
    of_asked = sum(score.chip_family in asked for score in families)
    return (
        _scores(whole, say("projection.record.head"), say, families=False),
        replace(
            _scores(families, say("projection.record.families"), say, families=True),
            most_open=min(of_asked, _MOST_FAMILY_ROWS),
        ),
    )


def _scores(scores: Sequence[Score], caption: str, say: Words, *, families: bool) -> Grid:
    names = ("family",) * families + ("figures", "left_out", "n", "error", "coverage")
    rows = [
        (
            *((score.chip_family,) * families),
            say(f"projection.group.{score.group}"),
            say(f"projection.left_out.{_LEFT_OUT[score.leave_out]}"),
            str(score.n),
            f"{score.median_absolute_percentage_error:.1f}{notation.THIN_SPACE}%",
            f"{100 * score.interval_coverage:.0f}{notation.THIN_SPACE}%",
        )
        for score in scores
    ]
    return Grid(caption, tuple(say(f"projection.record.{name}") for name in names), tuple(rows), kind="dense")


def _family(chip: ChipProjection) -> str:
    return chip_family(Device(chip.chip_id, chip.chip_name, chip.vendor, None, None, None))
