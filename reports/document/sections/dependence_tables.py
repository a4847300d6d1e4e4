"""How much depends on restricted processors, who stands where, and what would match one device."""

from __future__ import annotations

from collections.abc import Sequence

from profiler.records.quantity import Quantity
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    FILES,
    HTML,
    MARKDOWN,
    MOST_LISTED,
    Block,
    Grid,
    GroupView,
    Heading,
    Paragraph,
    Section,
)
from reports.document.sections.dependence import (
    energy_scopes,
    loss_text,
    phase_name,
    reason_text,
    share_text,
    world_name,
)
from reports.document.sections.explained import explained
from reports.document.sections.operators import shares_grid
from reports.document.sections.reasons import why_open
from reports.document.sections.standing import label_text, restricted_text
from reports.document.sections.summary import named
from reports.judge.comparison.comparison import Comparison, Group, Row
from reports.judge.dependence import Loss, Study, World
from reports.judge.dependence.study import processor_key
from reports.judge.export_control.classification import INDETERMINATE


def dependence_tables(view: GroupView, say: Words) -> Section | None:
    """None where no target is comparable."""
    group, study, comparison = view.group, view.study, view.comparison
    if not study.rows:
        return None
    intro = say("dependence.intro", as_of=comparison.as_of.isoformat(), destination=comparison.destination)
    blocks: list[Block] = [Paragraph(intro)]
    capped = feasible_sentences(group, study, say, MOST_LISTED)
    whole = feasible_sentences(group, study, say, len(group.rows))
    blocks += [Paragraph(line, "note", formats=FILES if line in whole else HTML) for line in capped]
    blocks += [Paragraph(line, "note", formats=MARKDOWN) for line in whole if line not in capped]
    blocks.append(loss_grid(study, say))
    if operators := shares_grid(group.rows, say):
        intro = say("operators.dependence_intro")
        blocks += [Heading(operators.caption), Paragraph(intro, "note"), operators]
    if matches := match_grid(study, say):
        intro = say("dependence.match.intro")
        blocks += [Heading(matches.caption), Paragraph(intro, "note"), matches]
    standing = standing_grid(study.rows, study, comparison, say)
    terms = ("dt", "de", "restricted", "indeterminate", "interval", "grade")
    return Section(
        "dependence", say("dependence.head"),
        (*blocks, Heading(say("page.standing")), standing, explained(say, terms)),
    )  # fmt: skip


def loss_grid(study: Study, say: Words) -> Grid:
    """Throughput dependence by phase and energy dependence, a row for each world."""
    rows: list[tuple[str, ...]] = []
    for one in sorted(study.phases, key=lambda one: one.phase):
        name = say("dependence.throughput_row", phase=phase_name(one.phase, say))
        rows += _loss_rows(name, one.loss, study, say)
    rows += _loss_rows(say("dependence.energy_row"), study.energy, study, say)
    names = ("what", "world", "loss", "best", "unrestricted", "grade")
    head = tuple(say(f"dependence.column.{name}") for name in names)
    return Grid(say("dependence.head"), head, tuple(rows), kind="text")


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
    names = ("one_of", "phase", "needs", "ratio", "power", "memory")
    head = tuple(say(f"dependence.match.{name}") for name in names)
    return Grid(say("dependence.match.head"), head, tuple(rows), kind="text") if rows else None


def _against(those: Quantity, one: Quantity, say: Words) -> str:
    if those.value is None and one.value is None:
        return notation.DASH
    return say("dependence.against", those=notation.quantity(those), one=notation.quantity(one))


def standing_grid(rows: Sequence[Row], study: Study, comparison: Comparison, say: Words) -> Grid:
    """Return how each processor stands under the export rules, and which targets ran on it."""
    on: dict[str, list[Row]] = {}
    for row in rows:
        on.setdefault(processor_key(row, study.standings[row.place]), []).append(row)
    found = []
    for those in on.values():
        standing = study.standings[those[0].place]
        possible = standing.possible_labels
        label = say.listing(possible) if standing.label == INDETERMINATE and possible else label_text(standing, say)
        chip = those[0].chip.name if those[0].chip else say("facts.not_read")
        why = why_open(standing, say)
        restricted = restricted_text(standing.restricted, say)
        answer = f"{restricted}: {why}" if why and standing.restricted is None else restricted
        found.append((chip, named(those, say), label or notation.DASH, answer))
    head = (say("facts.processor"), say("page.processor_targets"), say("facts.export_control"), say("facts.licence"))
    day, where = comparison.as_of.isoformat(), comparison.destination
    return Grid(say("facts.as_of", day=day, destination=where), head, tuple(found), kind="text")


def feasible_sentences(group: Group, study: Study, say: Words, most: int) -> list[str]:
    """Return who is feasible, who is not and why, and what the energy meters measure."""
    said = []
    names = [row.label for row in study.rows]
    if 0 < len(names) <= most:
        said.append(say("dependence.feasible", count=len(names), who=say.listing(names)))
    apart = [say("table.footnote", metrics=row.label, reason=_why_apart(row, say)) for row in study.infeasible]
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
