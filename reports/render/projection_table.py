"""Projections and the track record in a terminal: modelled figures have a table and a colour to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.document import notation
from reports.document.language import ENGLISH
from reports.document.model import TERMINAL, Paragraph, Section
from reports.document.sections.projection import figures, notes
from reports.judge.projection.explain import Explanation, Parameter
from reports.judge.projection.groups import TITLES, WANTED_PERCENT
from reports.judge.projection.projection import Projection
from reports.judge.projection.track_record import TrackRecord
from reports.render.terminal import section_parts
from reports.render.terminal_table import paragraph, tables

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_LEFT_OUT = {
    "model": "one model left out", "chip": "one chip left out", "chip and engine": "a chip and its engine",
    "external": "other results",
}  # fmt: skip
_ERROR = (
    "error: median absolute percentage error of left-out figures, in brackets the aim; in 80 %: share of them inside "
    "the 80 % interval; long: contexts to 128k. A chip left out is predicted from its engine's other chips; where it "
    "has none, the engine is left out with it."
)
_MOST_ROWS = 12


def print_projection(found: Projection, record: TrackRecord, console: Console) -> None:
    """Print the figures, what must be known of each chip, and the track record over all chips."""
    own = f" and {found.own_figures} figures of your own bundle" if found.own_figures else ""
    intro = (
        f"{found.model}, {found.precision}, batch {found.batch}, {found.prompt_tokens} prompt and "
        f"{found.output_tokens} output tokens. Modelled, not measured; below each figure its 80 % interval. "
        f"Fitted to {found.published_figures} published figures{own}."
    )
    blocks = (Paragraph(intro), *figures(found, ENGLISH), *notes(found, ENGLISH))
    section = Section("projection", ENGLISH("projection.head"), blocks, formats=TERMINAL)
    parts = section_parts(section, console.width, ENGLISH)
    _print([*parts, "", *_scores(record, console.width, families=False)], console)


def print_track_record(record: TrackRecord, console: Console) -> None:
    """Print what became of the rows, and the scores by what was left out, group and chip family."""
    width, rows = console.width, record.rows
    used = (
        f"{rows['rows']} rows: {rows['used']} used as published, {rows['converted']} converted, "
        f"{rows['excluded']} excluded."
    )
    parts = [paragraph(used, width, "bold")]
    for title, counts in (("converted", record.conversions), ("excluded", record.exclusions)):
        parts += [paragraph(f"{count:6d} {title}: {reason}", width, hanging=7) for reason, count in counts.items()]
    if record.shared_rows:
        shared = "figures are the project's own too: each was predicted without any row of its model."
        parts.append(paragraph(f"{record.shared_rows} {shared}", width))
    _print([*parts, *_scores(record, width, families=True), paragraph(_ERROR, width, "dim")], console)


def _scores(record: TrackRecord, width: int, *, families: bool) -> list[RenderableType]:
    rows: list[tuple[str, ...]] = []
    styles: list[str] = []
    last = None
    for score in record.scores:
        total = score.chip_family == "all"
        if not (total or families):
            continue
        if score.leave_out != last:
            rows.append((_LEFT_OUT[score.leave_out], "", "", "", ""))
            styles.append("bold")
            last = score.leave_out
        wanted = WANTED_PERCENT.get((score.leave_out, score.group)) if total else None
        aim = "" if wanted is None else f" [≤ {wanted:g}]"
        error = f"{score.median_absolute_percentage_error:.1f} %{aim}"
        title = f"  {TITLES[score.group]}" if total else ""
        rows.append((title, score.chip_family, str(score.n), error, f"{score.interval_coverage:.0%}"))
        styles.append("")
    head = ("left out, figures", "chip family", "n", "error", "in 80 %")
    kept = [at for at in range(len(head)) if families or at != 1]
    cells = [[row[at] for at in kept] for row in rows]
    return tables([head[at] for at in kept], cells, width, left={1} if families else (), row_styles=styles)


def print_explanation(explained: tuple[Explanation, ...], console: Console) -> None:
    """Print every parameter with its levels, and the rows of the same engine and chip."""
    width = console.width
    head = ("parameter", "value", "of a step", "made of: what all share, times each level's factor")
    for one in explained:
        parts = ["", paragraph(f"{one.chip_id} with {one.stack}", width, "bold")]
        parts += tables(head, [_parameter(parameter) for parameter in one.parameters], width, folded=3)
        counts = ", ".join(f"{level}: {count}" for level, count in one.results.items())
        parts.append(paragraph(f"Results behind each level: {counts}", width, "dim"))
        for row in one.rows[:_MOST_ROWS]:
            said = (
                f"  {row.place}: {row.model} {row.precision}, batch {row.batch}, {row.prompt_tokens} + "
                f"{row.output_tokens} tokens: {row.published:g} {row.unit}, fitted {row.fitted_over_published:.2f} "
                f"of it ({row.confidence}; {row.source})"
            )
            parts.append(paragraph(said, width))
        if len(one.rows) > _MOST_ROWS:
            parts.append(paragraph(f"  and {len(one.rows) - _MOST_ROWS} more (--json lists all)", width, "dim"))
        _print(parts, console)


def _parameter(parameter: Parameter) -> tuple[str, str, str, str]:
    def text(value: float) -> str:
        return f"{value:.3f}" if parameter.unit == "1" else notation.with_unit(value, "s")

    (_, shared), *rest = parameter.levels.items()
    factors = " ".join(f"x {factor:.2f} ({level})" for level, factor in rest if abs(factor - 1) >= 0.015)
    return parameter.name, text(parameter.value), f"{parameter.step_share:.0%}", f"{text(shared)} {factors}"


def _print(parts: list[RenderableType], console: Console) -> None:
    for part in parts:
        console.print(part)
