"""Dependence in words, for every format of the report."""

from __future__ import annotations

import math
from typing import Any

from reports.document import notation
from reports.document.language import Words
from reports.judge.comparison.comparison import Row
from reports.judge.dependence.decompose import Gap, Term
from reports.judge.dependence.loss import World
from reports.judge.dependence.study import PhaseStudy, Study
from reports.judge.roofline.arithmetic import Phase

_MOST_NAMED = 3
_MOST_SCOPES = 8

_UNTOLD = 0.005
"""A term within half a per cent of no difference is left out of a sentence; the table shows it."""


def share_text(value: float) -> str:
    """Return a dependence from 0 to 1, with the digits that keep one close to 1 apart from it."""
    for decimals in range(3, 7):
        if value == 1 or round(value, decimals) != 1:
            return f"{value:.{decimals}f}" if value not in (0, 1) else f"{value:.0f}"
    return f"{value}"


def open_processors(study: Study) -> dict[str, list[Row]]:
    """Return the processors of comparable targets whose standing is unknown, with the rows on them."""
    found: dict[str, list[Row]] = {}
    for row in study.rows:
        if study.standings[row.place].restricted is None:
            found.setdefault(row.chip.name if row.chip else row.machine, []).append(row)
    return found


def reason_text(key: str, study: Study, say: Words) -> str:
    """Return why no dependence was computed."""
    candidates = study.decode.candidates
    joules = [one for one in candidates if one.energy is not None]
    if key.startswith("energy_"):
        return say("dependence.reason.energy_partial", count=len(joules), total=len(candidates))
    row = study.rows[0] if study.rows else None
    processor = row.chip.name if row and row.chip else "—"
    return say(f"dependence.reason.{key}", count=len(candidates), processor=processor)


def loss_sentences(study: Study, say: Words) -> list[str]:
    """The verdict on dependence: a sentence for decode, one for prefill, one for energy; or why there is none."""
    if not study.computed:
        return [say("dependence.not_computed", reason=reason_text(study.reason, study, say))]
    said = [
        _throughput_sentence(phase, study, say)
        for phase in sorted(study.phases, key=lambda one: one.phase)
        if not phase.loss.reason
    ]
    if not study.energy.reason:
        said += _energy_sentence(study, say)
    return said


def interval_text(world: World, say: Words) -> str:
    """Return the 95 % interval of a loss; empty if there is none."""
    if world.ci95 is None:
        return ""
    low, high = (share_text(max(0.0, bound)) for bound in world.ci95)
    return say("dependence.interval", low=low, high=high)


def _throughput_sentence(one: PhaseStudy, study: Study, say: Words) -> str:
    loss, phase = one.loss, say(f"dependence.phase.{one.phase}")
    assert loss.bounds is not None
    low, high = loss.bounds
    if low != high:
        return say(
            "dependence.verdict.range", phase=phase, **_open(study, say), low_percent=notation.percent_below_all(low),
            high_percent=notation.percent_below_all(high), low=share_text(low), high=share_text(high),
        )  # fmt: skip
    world = loss.worlds[0]
    if low == 0:
        return say("dependence.verdict.zero", phase=phase, best=world.best, count=len(one.candidates))
    return say(
        "dependence.verdict.point", phase=phase, percent=notation.percent_below_all(low), value=share_text(low),
        interval=interval_text(world, say), unrestricted=world.best_unrestricted, best=world.best,
    )  # fmt: skip


def _energy_sentence(study: Study, say: Words) -> list[str]:
    loss = study.energy
    assert loss.bounds is not None
    low, high = loss.bounds
    if low != high:
        return [say("dependence.verdict.energy_range", low=share_text(low), high=share_text(high))]
    world = loss.worlds[0]
    joules = {one.label: one.energy for one in study.decode.candidates if one.energy}
    if low == 0 or world.best_unrestricted is None:
        return []
    best, free = joules[world.best], joules[world.best_unrestricted]
    assert best.value and free.value
    return [
        say(
            "dependence.verdict.energy_point", times=notation.number(free.value / best.value),
            value=share_text(low), interval=interval_text(world, say), best=world.best,
            least=notation.quantity(best), unrestricted=world.best_unrestricted, more=notation.quantity(free),
        )
    ]  # fmt: skip


def energy_scopes(study: Study, say: Words) -> str:
    """What each meter of the energy dependence saw: a board and a package are not the same. Empty without one."""
    if study.energy.reason:
        return ""
    scopes = [
        say("table.footnote", metrics=one.label, reason=say.quoted(one.energy.method))
        for one in study.decode.candidates
        if one.energy
    ]
    few = len(scopes) <= _MOST_SCOPES
    return say("dependence.energy_scopes", scopes=say.clauses(scopes[:_MOST_SCOPES]), more="" if few else " …")


def term_key(term: Term, gap: Gap, study: Study) -> str:
    """Return the message of a term's name: what differs between two runs on one device is not silicon."""
    if term.name != "silicon":
        return term.name
    processors = {one.label: one.processor for one in study.decode.candidates}
    return "same_device" if processors.get(gap.faster) == processors.get(gap.slower) else "silicon"


def gap_sentence(gap: Gap, study: Study, say: Words) -> str:
    """Return how many times as fast, and by which factors."""
    telling = [term for term in gap.terms if abs(term.log_ratio) >= _UNTOLD or term.name == "software"]
    parts = [
        say("gap.part", name=say(f"gap.term.{term_key(term, gap, study)}"), factor=notation.times(term.factor, None))
        for term in telling
    ]
    times = notation.times(_factor(gap), None).rstrip("×")
    return say(
        "gap.title", phase=phase_name(gap.phase, say), faster=gap.faster, slower=gap.slower, times=times,
        parts=say.listing(parts),
    )  # fmt: skip


def phase_name(phase: Phase, say: Words) -> str:
    """Decode or prefill."""
    return say(f"dependence.phase.{phase}")


def world_name(world: World, study: Study, say: Words) -> str:
    """In which case a loss holds."""
    if world.assumption == "settled":
        return say("dependence.world.settled")
    return say(f"dependence.world.{world.assumption}", **_open(study, say))


def loss_text(world: World, say: Words) -> str:
    """Return a loss with its interval, or that no unrestricted target is left."""
    if world.value is None:
        return say("dependence.world.none_left")
    return share_text(world.value)


def _open(study: Study, say: Words) -> dict[str, Any]:
    """Return the processors of open standing, named or counted."""
    names = list(open_processors(study))
    few = len(names) <= _MOST_NAMED
    shown = say.listing(names) if few else say("dependence.open_counted", count=len(names))
    return {"open": shown, "count": len(names)}


def _factor(gap: Gap) -> float:
    return math.exp(gap.log_ratio)
