"""The whole question for one group of targets: feasible set, losses, devices to match, and every gap taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiler.chips import Chip
from reports.judge.comparison.comparison import Comparison, Group, Row
from reports.judge.comparison.samples import decode_rates_tok_per_s, prompt_rates_tok_per_s
from reports.judge.comparison.standing import Standing, standing
from reports.judge.dependence.decompose import Factors, Gap, common_precision, difference, factors
from reports.judge.dependence.loss import Candidate, Loss, energy_loss, throughput_loss
from reports.judge.dependence.match import Match, devices_to_match
from reports.judge.roofline.arithmetic import PHASES, Phase
from reports.judge.roofline.ceilings import BASES, Basis
from reports.judge.roofline.position import Position, position


@dataclass(frozen=True, slots=True)
class PhaseStudy:
    """One phase. ``factors`` has every target whose roof is known under ``basis``, fastest first.

    ``gap`` is the one worth drawing: the best against the best unrestricted, or against the next best where nothing
    else is known. ``no_gap`` is the key of the reason why there is none.
    """

    phase: Phase
    candidates: tuple[Candidate, ...]
    loss: Loss
    matches: tuple[Match, ...]
    basis: Basis | None
    factors: tuple[Factors, ...]
    gap: Gap | None
    no_gap: str


@dataclass(frozen=True, slots=True)
class Study:
    """One group. ``infeasible`` rows ran on no account, failed parity, or reject an operator: they take no part.

    Nor do ``modelled`` ones, of which nothing was measured.
    """

    rows: tuple[Row, ...]
    infeasible: tuple[Row, ...]
    modelled: tuple[Row, ...]
    standings: dict[int, Standing]
    positions: dict[tuple[int, Phase], Position]
    """By the row's place and the phase; a target without samples of a phase has none."""
    phases: tuple[PhaseStudy, ...]
    energy: Loss

    @property
    def computed(self) -> bool:
        """Whether any dependence could be computed."""
        return not self.energy.reason or any(not one.loss.reason for one in self.phases)

    @property
    def reason(self) -> str:
        """The key of the reason why none was; empty if one was."""
        return "" if self.computed else self.decode.loss.reason

    @property
    def decode(self) -> PhaseStudy:
        """The phase that a conversation spends its time in."""
        return next(one for one in self.phases if one.phase == "decode")


def dependence(group: Group, comparison: Comparison) -> Study:
    """Everything that can be said about dependence within one group, and nothing more."""
    standings = {row.place: standing_of(row, comparison) for row in group.rows}
    positions: dict[tuple[int, Phase], Position] = {}
    for row in group.rows:
        for phase in PHASES:
            if row.record.worker and (found := position(row, group, standings[row.place], phase)):
                positions[row.place, phase] = found
    phases = tuple(_phase(phase, group, standings, positions) for phase in PHASES)
    return Study(
        rows=group.conclusive,
        infeasible=tuple(row for row in group.rows if row.rejected or not (row.conclusive or row.modelled)),
        modelled=tuple(row for row in group.modelled if not row.rejected),
        standings=standings,
        positions=positions,
        phases=phases,
        energy=energy_loss(phases[PHASES.index("decode")].candidates),
    )


def standing_of(row: Row, comparison: Comparison) -> Standing:
    """How the processor a target ran on stands on the comparison's day, for its destination."""
    return standing(row.chip, comparison.as_of, comparison.destination)


def processor_key(row: Row, found: Standing) -> str:
    """What makes two targets run on the same processor: the catalogue's chip, or else maker and name."""
    if found.chip:
        return found.chip.id
    part = row.chip
    return f"{part.vendor or ''} {part.name}".strip() if part else f"not read ({row.machine})"


def _phase(
    phase: Phase, group: Group, standings: dict[int, Standing], positions: dict[tuple[int, Phase], Position]
) -> PhaseStudy:
    candidates = tuple(_candidate(row, group, phase, standings[row.place]) for row in group.conclusive)
    chips = {row.label: standings[row.place].chip for row in group.conclusive}
    loss = throughput_loss(candidates)
    basis, taken = _take_apart(phase, group, standings, positions)
    gap, why = _gap(candidates, taken)
    return PhaseStudy(phase, candidates, loss, _matches(candidates, chips, loss), basis, taken, gap, why)


def _candidate(row: Row, group: Group, phase: Phase, found: Standing) -> Candidate:
    if phase == "decode":
        rates = decode_rates_tok_per_s(row.record)
    else:
        rates = prompt_rates_tok_per_s(row.record, group.workload.prompt_tokens)
    energy = row.metric("energy_per_output_token")
    return Candidate(
        row.label, processor_key(row, found), found.restricted, tuple(rates),
        energy if energy.value is not None else None,
    )  # fmt: skip


def _matches(candidates: Sequence[Candidate], chips: dict[str, Chip | None], loss: Loss) -> tuple[Match, ...]:
    """The fastest target on each restricted processor against the fastest on each one that is or may be unrestricted.

    Only where the restricted one is faster: otherwise one device does.
    """
    if loss.reason:
        return ()
    fastest: dict[str, Candidate] = {}
    for one in sorted((one for one in candidates if one.rates_tok_per_s), key=lambda one: -one.speed):
        fastest.setdefault(one.processor, one)
    return tuple(
        devices_to_match(above, below, chips)
        for above in fastest.values()
        for below in fastest.values()
        if above.processor != below.processor
        and above.restricted is not False
        and below.restricted is not True
        and (above.restricted, below.restricted) != (None, None)
        and above.speed > below.speed
    )


def _take_apart(
    phase: Phase, group: Group, standings: dict[int, Standing], positions: dict[tuple[int, Phase], Position]
) -> tuple[Basis | None, tuple[Factors, ...]]:
    """Under measured ceilings if all comparable targets have them; else under declared ones; else as many as possible.

    Measured and declared ceilings are never mixed within one comparison.
    """
    common = common_precision(group)
    if common is None:
        return None, ()
    best: tuple[Basis | None, tuple[Factors, ...]] = (None, ())
    for basis in BASES:
        found = [
            taken
            for row in group.conclusive
            if (place := positions.get((row.place, phase)))
            and (taken := factors(row, group, standings[row.place], place, common, basis))
        ]
        if len(found) > len(best[1]):
            best = (basis, tuple(sorted(found, key=lambda one: -one.speed_tok_s)))
    return best


def _gap(candidates: Sequence[Candidate], taken: Sequence[Factors]) -> tuple[Gap | None, str]:
    if len(candidates) < 2:
        return None, "one_target"
    if len(taken) < 2:
        return None, "no_roof"
    restricted = {one.label: one.restricted for one in candidates}
    best = taken[0]
    others = taken[1:]
    free = [one for one in others if restricted[one.label] is False]
    perhaps = [one for one in others if restricted[one.label] is None]
    chosen = others[0]
    if restricted[best.label] is not False and (free or perhaps):
        chosen = (free or perhaps)[0]
    return difference(best, chosen), ""
