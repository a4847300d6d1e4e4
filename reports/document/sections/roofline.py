"""Is this speed normal? Which ceiling binds each target, how far it is, and how published figures compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from profiler.metrics.catalogue import METRICS
from profiler.records.quantity import Quantity
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    MOST_READINGS,
    TERMINAL,
    Block,
    Grid,
    GroupView,
    Paragraph,
    Section,
    Several,
    only_in,
)
from reports.document.sections.dependence import phase_name
from reports.document.sections.explained import explained
from reports.document.sections.figures import GroupFigures
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.standing import Standing
from reports.judge.dependence.study import Study
from reports.judge.roofline.arithmetic import PHASES
from reports.judge.roofline.position import Position
from reports.judge.roofline.published import published, usual_range


def rooflines(view: GroupView, say: Words) -> Section | None:
    """Return a reading for each target, the chart and the table; the terminal shows the first sentence of a few."""
    group, study = view.group, view.study
    if not study.rows:
        return None
    verdicts = [(row, said) for row in study.rows if (said := verdict_of(row, study, group, say))]
    first = (Paragraph(said[0], "reading", row.label, row.place) for row, said in verdicts[:MOST_NAMED])
    whole = tuple(Paragraph(say.together(said), "reading", row.label, row.place) for row, said in verdicts)
    blocks: list[Block] = [Paragraph(say("roofline.intro")), Several(whole, MOST_READINGS, "page.more_rows")]
    if figure := GroupFigures(view.name, group, study, say).roofline():
        blocks.append(replace(figure, kind="broad"))
    grid = roofline_grid(group.conclusive, study, say)
    if grid.rows:
        columns = [metric for metric in METRICS if metric.name in ("mbu", "mfu")]
        terms = ("roofline", "ceiling", "intensity", "phase")
        blocks += [grid, Paragraph(say("roofline.note"), "note"), explained(say, terms, columns)]
    shown = (*only_in(TERMINAL, *first), *only_in(FILES, *blocks))
    return Section("roofline", say("roofline.head"), shown, formats=EVERY_FORMAT)


def roofline_grid(rows: Sequence[Row], study: Study, say: Words) -> Grid:
    """Return what each phase of each target needs, and what was reached of the ceilings."""
    found = []
    for row in rows:
        for phase in reversed(PHASES):
            place = study.positions.get((row.place, phase))
            if place is not None:
                found.append((row.label, phase_name(phase, say), *_position(place, say)))
    names = ("target", "phase", "flops", "bytes", "intensity", "mbu", "mfu", "mbu_declared", "mfu_declared", "binds")
    head = tuple(say(f"roofline.column.{name}") for name in names)
    return Grid(say("roofline.head"), head, tuple(found))


def _position(place: Position, say: Words) -> tuple[str, ...]:
    bound = place.measured.bound or place.declared.bound
    return (
        notation.with_unit(place.work.total_flops, "FLOP"),
        notation.with_unit(place.work.total_bytes, "B"),
        notation.number(place.work.intensity_flop_per_byte),
        *(_share(one, say) for one in (place.measured.mbu, place.measured.mfu, place.declared.mbu, place.declared.mfu)),
        say(f"roofline.bound.{bound}") if bound else notation.DASH,
    )


def _share(figure: Quantity, say: Words) -> str:
    if figure.value is None:
        return say("roofline.above_cell", share=notation.percent(figure.raw)) if figure.raw else notation.DASH
    return f"{notation.GRADE_MARKS[figure.grade]}{notation.percent(figure.value)}"


def verdict_of(row: Row, study: Study, group: Group, say: Words) -> list[str]:
    """Return the sentences about one target of a group."""
    places = {
        str(phase): study.positions[row.place, phase] for phase in PHASES if (row.place, phase) in study.positions
    }
    return verdict_sentences(row, places, study.standings[row.place], say, group.workload.batch)


def verdict_sentences(
    row: Row, places: dict[str, Position], standing: Standing, say: Words, batch: int
) -> list[str]:  # fmt: skip
    """Return which ceiling binds in each phase, how far it is, and where published figures put the decode speed."""
    said = [_sentence(places[phase], say) for phase in reversed(PHASES) if phase in places]
    decode = places.get("decode")
    if decode is not None:
        said += _published(row, decode, standing, say, batch)
    return said


def _sentence(place: Position, say: Words) -> str:
    reached, declared = place.measured, place.declared
    values = {"phase": say(f"roofline.phase.{place.phase}"), "speed": notation.quantity(place.throughput)}
    if (above := reached.above) is not None and above.raw is not None:
        bound = say(f"roofline.bound.{'bandwidth' if above is reached.mbu else 'compute'}")
        return say("roofline.verdict_above", bound=bound, share=notation.percent(above.raw), **values)
    if reached.bound is None:
        reached = declared
    if reached.bound is None or not reached.share.value:
        reason = (place.measured.mbu if place.measured.mbu.value is None else place.measured.mfu).method
        return say("roofline.verdict_open", reason=say.quoted(reason), **values)
    same = declared.mbu if reached.bound == "bandwidth" else declared.mfu
    shown = notation.percent(same.value) if same.value is not None and reached is not declared else ""
    share = reached.share.value
    values |= {"bound": say(f"roofline.bound.{reached.bound}"), "share": notation.percent(share)}
    if share >= 1:
        also = say("roofline.declared_also", share=shown) if shown else ""
        return say("roofline.verdict_at", declared=also, **values)
    also = say("roofline.declared_share", share=shown) if shown else ""
    return say("roofline.verdict", declared=also, room=notation.number(1 / share), **values)


def _published(row: Row, place: Position, standing: Standing, say: Words, batch: int) -> list[str]:
    usual = usual_range(standing.chip, place.work, row.record.precision, batch)
    share = place.declared.mbu.value
    if usual is None or share is None:
        return [say("roofline.published.none", count=len(published()))]
    slowest, fastest = (f"{one.framework} {notation.number(one.decode_tok_s)}{notation.THIN_SPACE}tok/s"
                        for one in (usual.figures[0], usual.figures[-1]))  # fmt: skip
    placed = say(
        f"roofline.published.{usual.place(share)}", count=len(usual.shares), low=notation.percent(usual.shares[0]),
        high=notation.percent(usual.shares[-1]), slowest=slowest, fastest=fastest, share=notation.percent(share),
    )  # fmt: skip
    prefill = sum(figure.includes_prefill for figure in usual.figures)
    return [
        placed,
        say(
            "roofline.published.sources",
            sources=say.clauses([say.quoted(source) for source in usual.sources]),
            prefill=prefill,
        ),
    ]
