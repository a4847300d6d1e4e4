"""The executive summary: the verdict, what it rests on by grade, and what would change it.

Every sentence carries a number; where the data do not carry one, the sentence says how many things are missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from profiler.chips import Chip
from profiler.disturbance.verdict import disturbance
from profiler.statistics.intervals import MIN_FOR_INTERVAL
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.sections.boards import board_sentence
from reports.document.sections.dependence import gap_sentence, loss_sentences, open_processors
from reports.document.sections.modelled_facts import brief_sentences
from reports.document.sections.reasons import why_open
from reports.document.sections.summary import (
    MOST_NAMED,
    decode_verdict,
    disturbed_text,
    missing,
    modelled_verdict,
    sampled_verdict,
)
from reports.judge.comparison.comparison import Comparison, Group
from reports.judge.comparison.samples import counted
from reports.judge.dependence import Loss, Study
from reports.judge.export_control.engine import timeline
from reports.judge.judgement import GroupJudgement


@dataclass(frozen=True, slots=True)
class Brief:
    """Sentences, in the order they are read."""

    verdict: tuple[str, ...]
    measured: tuple[str, ...]
    declared: tuple[str, ...]
    modelled: tuple[str, ...]
    would_change: tuple[str, ...]


def brief(judged: GroupJudgement, say: Words = ENGLISH) -> Brief:
    """Return what a careful reader should take from one group."""
    group, comparison, study = judged.group, judged.comparison, judged.study
    gap = study.decode.gap
    speed, loss = decode_verdict(group, say), loss_sentences(study, say)
    verdict = [*loss, *speed] if study.computed else [*speed, *loss]
    if gap is not None:
        verdict.append(gap_sentence(gap, study, say))
    verdict += [*sampled_verdict(group, say), *modelled_verdict(group, say)]
    spoiled = sum(disturbance(counted(row.record)).too_much for row in study.rows)
    if spoiled:
        verdict.insert(0, say("brief.too_disturbed", count=spoiled, all=len(study.rows)))
    return Brief(
        tuple(verdict),
        (*_measured(group, study, say), *missing(group, say)),
        _declared(study, say),
        _modelled(group, study, comparison, say),
        tuple(_changes(group, study, comparison, say)),
    )


def _measured(group: Group, study: Study, say: Words) -> list[str]:
    runs = [run for row in group.conclusive for run in counted(row.record)]
    if not runs:
        return []
    disturbed = sum(bool(run.spoilers) for run in runs)
    said = [say("brief.measured_runs", runs=len(runs), count=len(group.conclusive), disturbed=disturbed)]
    seen: set[str] = set()
    for row in group.conclusive:
        found = row.bundle.ceilings_of(row.record)
        device = row.chip.name if row.chip else row.record.accelerator or row.machine
        if found is None or device in seen or len(seen) >= MOST_NAMED:
            continue
        seen.add(device)
        figures = [found.read_bandwidth, *found.gemm.values()]
        names = ["", *(f" {name}" for name in found.gemm)]
        measured = [f"{notation.quantity(one)}{name}" for one, name in zip(figures, names, strict=True) if one.value]
        if measured:
            said.append(say("brief.measured_ceilings", device=device, ceilings=say.listing(measured)))
    joules = [row.metric("energy_per_output_token") for row in group.conclusive]
    known = [figure for figure in joules if figure.value is not None]
    if known:
        least, most = (pick(known, key=lambda one: one.value or 0.0) for pick in (min, max))
        ends = dict.fromkeys((notation.quantity(least), notation.quantity(most)))
        said.append(say("brief.measured_energy", count=len(known), energy="–".join(ends)))
    return said


def _declared(study: Study, say: Words) -> tuple[str, ...]:
    chips = _chips(study)
    said = []
    for chip in chips[:MOST_NAMED]:
        facts = []
        if chip.memory_bandwidth_gb_s:
            facts.append(notation.with_unit(chip.memory_bandwidth_gb_s * 1e9, "B/s"))
        facts += [f"{notation.with_unit(value * 1e12, 'FLOP/s')} {name}" for name, value in _peaks(chip)]
        if chip.tdp_w:
            facts.append(f"{notation.number(chip.tdp_w)}{notation.THIN_SPACE}W")
        if not facts:
            continue
        lines = chip.evidence_for("memory_bandwidth_gb_s")
        confidence = lines[0].confidence if lines else "low"
        said.append(
            say(
                "brief.declared_chip",
                chip=chip.id,
                facts=say.listing(facts),
                confidence=say(f"confidence.{confidence}"),
            )
        )
    return tuple(said) or (say("brief.declared_none"),)


def _peaks(chip: Chip) -> list[tuple[str, float]]:
    return [(name, chip.peak_dense_tops[name]) for name in ("fp32", "bf16") if name in chip.peak_dense_tops]


def _chips(study: Study) -> list[Chip]:
    found = [chip for row in study.rows if (chip := study.standings[row.place].chip)]
    return list({chip.id: chip for chip in found}.values())


def _modelled(group: Group, study: Study, comparison: Comparison, say: Words) -> tuple[str, ...]:
    terms = [term.method for phase in study.phases if phase.gap for term in phase.gap.terms if term.grade == "modelled"]
    said = []
    if terms:
        said.append(
            say(
                "brief.modelled_terms",
                count=len(terms),
                how=say.clauses([say.quoted(term) for term in dict.fromkeys(terms)]),
            )
        )
    said += brief_sentences(group, say)
    said += [sentence for row in group.modelled[:MOST_NAMED] if (sentence := board_sentence(row, group, say))]
    if comparison.project_on:
        said.append(say("brief.modelled_projected", count=len(comparison.project_on)))
    return tuple(said) or (say("brief.modelled_none"),)


def _changes(group: Group, study: Study, comparison: Comparison, say: Words) -> list[str]:
    said = []
    loss = study.decode.loss
    for name, rows in list(open_processors(study).items())[:MOST_NAMED]:
        why = why_open(study.standings[rows[0].place], say)
        if loss.reason or len(loss.worlds) != 2:
            said.append(say("brief.change_open_only", processor=name, why=why, count=len(rows)))
            continue
        high = loss.worlds[1].value
        said.append(
            say(
                "brief.change_open",
                processor=name,
                why=why,
                low=notation.number(loss.worlds[0].value or 0.0),
                high=say("brief.change_no_unrestricted") if high is None else notation.number(high),
            )
        )
    said += [
        say("brief.change_quiet", label=row.label, disturbed=disturbed_text(seen, say))
        for row in study.rows[:MOST_NAMED]
        if (seen := disturbance(counted(row.record))).too_much
    ]
    said += _noise(group, say)
    said += _software(study, loss, say)
    if loss.reason not in ("", "no_target", "one_target"):
        said.append(say("brief.change_second_target", count=len({one.processor for one in study.decode.candidates})))
    for chip in _chips(study)[:MOST_NAMED]:
        said += _date(chip, comparison, say)
    return said


def _noise(group: Group, say: Words) -> list[str]:
    rows = group.conclusive
    few = [row for row in rows[:2] if len(counted(row.record)) < MIN_FOR_INTERVAL]
    if few:
        return [
            say("brief.change_few", label=row.label, count=len(counted(row.record)), needed=MIN_FOR_INTERVAL)
            for row in few
        ]
    ratio = group.lead(rows[1]) if len(rows) > 1 else None
    if ratio is None or ratio.ci95 is None or ratio.distinguishable:
        return []
    return [say("brief.change_noise", low=notation.number(ratio.ci95[0], 3), high=notation.number(ratio.ci95[1], 3))]


def _software(study: Study, loss: Loss, say: Words) -> list[str]:
    """Return what better software on the best unrestricted target, or on the fastest of all, could change at most."""
    world = loss.worlds[0] if loss.worlds else None
    label = world.best_unrestricted if world and world.best_unrestricted else None
    row = next((one for one in study.rows if one.label == label), study.rows[0] if study.rows else None)
    place = study.positions.get((row.place, "decode")) if row else None
    if row is None or place is None or place.measured.bound is None:
        return []
    share, speed = place.measured.share.value, place.throughput.value
    if not share or not speed or share >= 1:
        return []
    ceiling = notation.with_unit(speed / share, "tok/s")
    if world and world.value and world.best != row.label:
        best = next(one for one in study.decode.candidates if one.label == world.best)
        then = max(0.0, 1 - speed / share / best.speed)
        return [
            say(
                "brief.change_software", label=row.label, ceiling=ceiling, speed=notation.quantity(place.throughput),
                now=notation.number(world.value), then=notation.number(then),
            )
        ]  # fmt: skip
    bound = say(f"roofline.bound.{place.measured.bound}")
    return [
        say(
            "brief.change_software_plain",
            label=row.label,
            share=notation.percent_below_all(share),
            bound=bound,
            ceiling=ceiling,
        )
    ]


def _date(chip: Chip, comparison: Comparison, say: Words) -> list[str]:
    """Return the nearest day before and after the one asked about on which the chip's label changes."""
    labels: list[tuple[date, str]] = []
    for period in _timeline(chip, comparison.destination):
        label = period.classification.eccn.label
        if not labels or labels[-1][1] != label:
            labels.append((period.since, label))
    now = max((at for at, (since, _) in enumerate(labels) if since <= comparison.as_of), default=0)
    values = {"chip": chip.id, "label": labels[now][1], "destination": comparison.destination}
    said = []
    if now > 0:
        said.append(say("brief.change_earlier", day=labels[now][0].isoformat(), other=labels[now - 1][1], **values))
    if now + 1 < len(labels):
        said.append(say("brief.change_later", day=labels[now + 1][0].isoformat(), other=labels[now + 1][1], **values))
    return said


_timeline = lru_cache(maxsize=256)(timeline)
