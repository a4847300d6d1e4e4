"""The judged sections as plain grids of text, the same in HTML, Markdown and the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from profiler.records.quantity import Quantity
from reports.document import notation
from reports.document.language import Words
from reports.document.model import Grid
from reports.document.sections.dependence import (
    energy_scopes,
    loss_text,
    percent,
    phase_name,
    reason_text,
    share_text,
    term_key,
    world_name,
)
from reports.document.sections.provenance import restricted_text
from reports.document.sections.reasons import why_open
from reports.document.sections.roofline import share_of
from reports.document.sections.summary import named
from reports.judge.comparison.comparison import Comparison, Group, Row
from reports.judge.dependence import Loss, Study, World
from reports.judge.dependence.decompose import Gap
from reports.judge.dependence.study import PhaseStudy, processor_key
from reports.judge.origin import Part, Role, origin_of, placement
from reports.judge.roofline import PHASES, Position

ROLES: tuple[Role, ...] = ("design", "fabrication", "memory", "engine", "stack")


@dataclass(frozen=True, slots=True)
class Panel:
    """One section that stands beside the measured ones and is never mixed with them.

    ``name`` is its anchor and CSS class; ``intro`` and ``notes`` are sentences; ``terms`` are explained below it. A
    line break in a cell parts a figure from its interval. One that is not for the terminal is left to the files.
    """

    name: str
    title: str
    intro: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    in_terminal: bool = True


def dependence_grid(study: Study, say: Words) -> Grid:
    """Throughput dependence by phase and energy dependence, a row for each world."""
    head = ("what", "world", "loss", "best", "unrestricted", "grade")
    rows = []
    for one in sorted(study.phases, key=lambda one: one.phase):
        name = say("dependence.throughput_row", phase=phase_name(one.phase, say))
        rows += _loss_rows(name, one.loss, study, say)
    rows += _loss_rows(say("dependence.energy_row"), study.energy, study, say)
    return _grid(say("dependence.head"), "dependence.column", head, rows, say)


def _loss_rows(name: str, loss: Loss, study: Study, say: Words) -> list[tuple[str, ...]]:
    if loss.reason:
        return [(name, reason_text(loss.reason, study, say), *[notation.DASH] * 3, say("grade.unavailable"))]
    return [
        (
            name, world_name(world, study, say), _with_interval(loss_text(world, say), world),
            world.best, world.best_unrestricted or notation.DASH, say(f"grade.{loss.grade}"),
        )
        for world in loss.worlds
    ]  # fmt: skip


def _with_interval(text: str, world: World) -> str:
    if world.ci95 is None:
        return text
    low, high = (share_text(max(0.0, bound)) for bound in world.ci95)
    return f"{text} ({low}–{high})"


def match_grid(study: Study, say: Words) -> Grid | None:
    """Devices to match, decode first; None if no comparison calls for it."""
    rows = []
    for one in sorted(study.phases, key=lambda one: one.phase):
        for match in one.matches:
            power = _against(match.power, match.matched_power, say)
            memory = _against(match.memory, match.matched_memory, say)
            needs = say("dependence.match.count", count=match.devices, label=match.by)
            ratio = notation.times(match.ratio, match.ci95)
            rows.append((match.matched, phase_name(one.phase, say), needs, ratio, power, memory))
    head = ("one_of", "phase", "needs", "ratio", "power", "memory")
    return _grid(say("dependence.match.head"), "dependence.match", head, rows, say) if rows else None


def _against(those: Quantity, one: Quantity, say: Words) -> str:
    if those.value is None and one.value is None:
        return notation.DASH
    return say("dependence.against", those=notation.quantity(those), one=notation.quantity(one))


def gap_grid(gap: Gap, study: Study, say: Words) -> Grid:
    """The terms of one gap, and their sum."""
    rows = [
        (
            say(f"gap.term.{term_key(term, gap, study)}"), notation.times(term.factor, None), _log(term.log_ratio),
            _share_of_gap(term.log_ratio, gap), say(f"grade.{term.grade}"),
            say(f"gap.explain.{term_key(term, gap, study)}"),
        )
        for term in gap.terms
    ]  # fmt: skip
    whole = notation.times(math.exp(gap.log_ratio), None)
    total = (say("gap.total"), whole, _log(gap.log_ratio), _share_of_gap(gap.log_ratio, gap), "", "")
    head = ("term", "factor", "log", "share", "grade", "meaning")
    return _grid(phase_name(gap.phase, say).capitalize(), "gap.column", head, [*rows, total], say)


def no_gap_text(one: PhaseStudy, say: Words) -> str:
    """Why no gap of a phase is taken apart; empty if one is."""
    if not one.no_gap:
        return ""
    count = len(one.candidates) if one.no_gap == "one_target" else len(one.factors)
    return say(f"gap.none.{one.no_gap}", count=count)


def factors_grid(one: PhaseStudy, say: Words, most: int) -> Grid | None:
    """Every target taken apart, fastest first; None if none could be."""
    if not one.factors or one.basis is None:
        return None
    rows = []
    for taken in one.factors[:most]:
        precision = notation.DASH if taken.precision is None else notation.times(math.exp(taken.precision), None)
        rows.append((
            taken.label, notation.with_unit(math.exp(taken.silicon), "tok/s"), precision,
            notation.times(math.exp(taken.software), None), notation.with_unit(taken.speed_tok_s, "tok/s"),
            say(f"grade.{taken.silicon_grade}"),
        ))  # fmt: skip
    caption = say(
        "gap.every", phase=phase_name(one.phase, say), basis=say(f"roofline.basis.{one.basis}"),
        common=one.factors[0].common_precision,
    )  # fmt: skip
    titles = [say("roofline.column.target"), *(say(f"gap.column.{name}") for name in
              ("silicon", "precision", "software", "speed", "grade"))]  # fmt: skip
    return Grid(caption, tuple(titles), tuple(rows))


def roofline_grid(rows: Sequence[Row], study: Study, say: Words) -> Grid:
    """What each phase of each target needs, and what was reached of the ceilings."""
    found = []
    for row in rows:
        for phase in reversed(PHASES):
            place = study.positions.get((row.place, phase))
            if place is not None:
                found.append((row.label, phase_name(phase, say), *_position(place, say)))
    head = ("target", "phase", "flops", "bytes", "intensity", "mbu", "mfu", "mbu_declared", "mfu_declared", "binds")
    return _grid(say("roofline.head"), "roofline.column", head, found, say)


def _position(place: Position, say: Words) -> tuple[str, ...]:
    bound = place.measured.bound or place.declared.bound
    return (
        notation.with_unit(place.work.total_flops, "FLOP"),
        notation.with_unit(place.work.total_bytes, "B"),
        notation.number(place.work.intensity_flop_per_byte),
        *(_share(one) for one in (place.measured.mbu, place.measured.mfu, place.declared.mbu, place.declared.mfu)),
        say(f"roofline.bound.{bound}") if bound else notation.DASH,
    )


def _share(figure: Quantity) -> str:
    return notation.DASH if figure.value is None else f"{notation.GRADE_MARKS[figure.grade]}{share_of(figure.value)}"


def origin_grid(rows: Sequence[Row], study: Study, say: Words) -> Grid:
    """Designer, maker, memory, engine and stack of every path, and the share of the work on its chip."""
    found = []
    for row in rows:
        origin = origin_of(row, study.standings[row.place])
        parts = {part.role: part for part in origin.parts}
        share = say(f"origin.share.{origin.share_key}", share=percent(origin.work_share or 0.0))
        found.append((row.label, *(_part(parts.get(role), say) for role in ROLES), share))
    head = [say("roofline.column.target"), *(say(f"origin.column.{role}") for role in (*ROLES, "share"))]
    return Grid(say("origin.head"), tuple(head), tuple(found))


def _part(part: Part | None, say: Words) -> str:
    if part is None:
        return notation.DASH
    unknown = say("origin.not_established")
    if part.role == "memory":
        return say("origin.maker_unknown", name=part.name) if part.name else unknown
    if part.company is None and part.country is None and not part.name:
        return unknown
    also = f"; {say('origin.also', countries=say.listing(part.also))}" if part.also else ""
    who = part.company or part.name
    shown = f"{part.name}: {part.company}" if part.role in ("engine", "stack") and part.company else who
    return f"{shown} ({part.country or unknown}{also})"


def origin_sources(rows: Sequence[Row], study: Study) -> list[str]:
    """Every document behind the origins, once, with the confidence where one is given."""
    told = []
    for row in rows:
        for part in origin_of(row, study.standings[row.place]).parts:
            confidence = f" ({part.confidence})" if part.confidence else ""
            told += [f"{source}{confidence}" for source in part.sources]
    return list(dict.fromkeys(told))


def placement_grid(row: Row, say: Words) -> Grid | None:
    """Operators by phase and place; None if the record has none."""
    found = [
        (
            say("placement.place", phase=phase_name(one.phase, say), where=say(f"operators.where.{one.where}")),
            str(one.operators), percent(one.flops_share), percent(one.bytes_share),
        )
        for one in placement(row.record)
    ]  # fmt: skip
    return _grid(row.label, "placement", ("device", "operators", "flops", "bytes"), found, say) if found else None


def standing_grid(rows: Sequence[Row], study: Study, comparison: Comparison, say: Words) -> Grid:
    """How each processor stands under the export rules, and which targets ran on it."""
    on: dict[str, list[Row]] = {}
    for row in rows:
        on.setdefault(processor_key(row, study.standings[row.place]), []).append(row)
    found = []
    for those in on.values():
        standing = study.standings[those[0].place]
        possible = standing.possible_labels
        label = say.listing(possible) if standing.label == "indeterminate" and possible else standing.label
        chip = those[0].chip.name if those[0].chip else say("facts.not_read")
        why = why_open(standing, say)
        restricted = restricted_text(standing.restricted, say)
        answer = f"{restricted}: {why}" if why and standing.restricted is None else restricted
        found.append((chip, named(those, say), label or notation.DASH, answer))
    head = (say("facts.processor"), say("page.processor_targets"), say("facts.export_control"), say("facts.licence"))
    day, where = comparison.as_of.isoformat(), comparison.destination
    return Grid(say("facts.as_of", day=day, destination=where), head, tuple(found))


def feasible_sentences(group: Group, study: Study, say: Words, most: int) -> list[str]:
    """Who takes part, who does not and why, and what the energy meters saw."""
    said = []
    names = [row.label for row in study.rows]
    if 0 < len(names) <= most:
        said.append(say("dependence.feasible", count=len(names), who=say.listing(names)))
    apart = [f"{row.label}: {_why_apart(row, say)}" for row in study.infeasible]
    if 0 < len(apart) <= most:
        said.append(say("dependence.infeasible", count=len(apart), who=say.clauses(apart)))
    modelled = [row.label for row in study.modelled]
    if 0 < len(modelled) <= most:
        said.append(say("dependence.modelled", count=len(modelled), who=say.listing(modelled)))
    if scopes := energy_scopes(study, say):
        said.append(scopes)
    return said


def _why_apart(row: Row, say: Words) -> str:
    if row.rejected:
        return say("operators.rejects", operators=say.listing(row.rejected))
    return say(f"status.{row.record.status}")


def _grid(caption: str, prefix: str, head: Sequence[str], rows: Sequence[tuple[str, ...]], say: Words) -> Grid:
    return Grid(caption, tuple(say(f"{prefix}.{name}") for name in head), tuple(rows))


def _log(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _share_of_gap(value: float, gap: Gap) -> str:
    """A term's share of the whole, where the whole is worth dividing."""
    if abs(gap.log_ratio) < 0.01:
        return notation.DASH
    return f"{100 * value / gap.log_ratio:.0f}{notation.THIN_SPACE}%".replace("-", "−")
