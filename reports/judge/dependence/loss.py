"""Throughput and energy dependence: ``1 - T(best unrestricted) / T(best)`` and ``1 - E(best) / E(best unrestricted)``.

If it is open whether a processor is restricted, both worlds are looked at: in one, every such processor is
unrestricted, in the other, every one is restricted. Restricting a target can only raise the loss, so these two bound
every mixture, and the answer is a range. Nothing is said where the targets cannot carry an answer: see
:func:`why_not`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from profiler.records.quantity import Quantity
from profiler.statistics.medians import median
from reports.judge.comparison.ratio import ratio_of_medians

Assumption = Literal["settled", "open_are_unrestricted", "open_are_restricted"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A comparable target: its processor, whether that is restricted (None: open), and its samples.

    ``rates_tok_per_s`` are throughputs of the phase by repetition; ``energy`` is joules per output token, or None.
    """

    label: str
    processor: str
    restricted: bool | None
    rates_tok_per_s: tuple[float, ...] = ()
    energy: Quantity | None = None

    @property
    def speed(self) -> float:
        """Median throughput in tok/s."""
        return median(self.rates_tok_per_s)


@dataclass(frozen=True, slots=True)
class World:
    """The loss if ``assumption`` holds; ``value`` is None where no unrestricted target would be left to compare."""

    assumption: Assumption
    best: str
    best_unrestricted: str | None
    value: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Loss:
    """A dependence. ``worlds`` has one entry if every label is settled, else two; ``bounds`` is (x, x) for a point.

    With ``reason`` set nothing was computed, and ``worlds`` is empty.
    """

    worlds: tuple[World, ...] = ()
    bounds: tuple[float, float] | None = None
    reason: str = ""
    grade: str = "derived"
    method: str = ""

    @property
    def value(self) -> float | None:
        """The one value, or None where the answer is a range or was not computed."""
        return self.bounds[0] if self.bounds and self.bounds[0] == self.bounds[1] and len(self.worlds) == 1 else None


_EXTREMES: tuple[tuple[Assumption, bool], ...] = (("open_are_unrestricted", False), ("open_are_restricted", True))


def throughput_loss(candidates: Sequence[Candidate]) -> Loss:
    """Throughput dependence over the comparable targets of one phase."""
    able = [one for one in candidates if one.rates_tok_per_s]
    if reason := why_not(able):
        return Loss(reason=reason)
    method = "1 - median of the best unrestricted / median of the best; bootstrap of both sides"
    return _over_worlds(able, _throughput, method, "derived")


def energy_loss(candidates: Sequence[Candidate]) -> Loss:
    """Energy dependence over the comparable targets that have joules per output token."""
    able = [one for one in candidates if one.energy is not None and one.energy.value]
    if not able:
        return Loss(reason="no_energy")
    if reason := why_not(able):
        return Loss(reason=f"energy_{reason}" if len(able) < len(candidates) else reason)
    grades = [one.energy.grade for one in able if one.energy]
    grade = next((name for name in ("declared", "modelled") if name in grades), "derived")
    method = "1 - least joules per output token / least of the unrestricted; interval from the ends of both intervals"
    return _over_worlds(able, _energy, method, grade)


def why_not(candidates: Sequence[Candidate]) -> str:
    """The key of the reason why these targets carry no dependence; empty if they do."""
    if not candidates:
        return "no_target"
    if len(candidates) == 1:
        return "one_target"
    standings = {one.restricted for one in candidates}
    same = len({one.processor for one in candidates}) == 1
    if same:
        return {True: "same_restricted", False: "same_unrestricted", None: "same_open"}[candidates[0].restricted]
    if len(standings) > 1:
        return ""
    return {True: "all_restricted", False: "all_unrestricted", None: "all_open"}[standings.pop()]


def _over_worlds(
    candidates: Sequence[Candidate],
    loss: Callable[[Sequence[Candidate], Assumption], World],
    method: str,
    grade: str,
) -> Loss:
    if all(one.restricted is not None for one in candidates):
        world = loss(candidates, "settled")
        assert world.value is not None
        return Loss((world,), (world.value, world.value), grade=grade, method=method)
    worlds = tuple(
        loss(
            [replace(one, restricted=verdict if one.restricted is None else one.restricted) for one in candidates], name
        )
        for name, verdict in _EXTREMES
    )
    low, high = worlds[0].value, worlds[1].value
    assert low is not None
    return Loss(worlds, (low, 1.0 if high is None else high), grade=grade, method=method)


def _throughput(candidates: Sequence[Candidate], assumption: Assumption) -> World:
    best = max(candidates, key=lambda one: one.speed)
    free = [one for one in candidates if one.restricted is False]
    if not free:
        return World(assumption, best.label, None, None, None)
    chosen = max(free, key=lambda one: one.speed)
    if chosen is best:
        return World(assumption, best.label, best.label, 0.0, None)
    ratio = ratio_of_medians(chosen.rates_tok_per_s, best.rates_tok_per_s)
    interval = None if ratio.ci95 is None else (1 - ratio.ci95[1], 1 - ratio.ci95[0])
    return World(assumption, best.label, chosen.label, 1 - ratio.value, interval)


def _energy(candidates: Sequence[Candidate], assumption: Assumption) -> World:
    best = min(candidates, key=_joules)
    free = [one for one in candidates if one.restricted is False]
    if not free:
        return World(assumption, best.label, None, None, None)
    chosen = min(free, key=_joules)
    if chosen is best:
        return World(assumption, best.label, best.label, 0.0, None)
    assert best.energy is not None and chosen.energy is not None
    interval = None
    if best.energy.ci95 and chosen.energy.ci95 and chosen.energy.ci95[0] > 0:
        interval = (1 - best.energy.ci95[1] / chosen.energy.ci95[0], 1 - best.energy.ci95[0] / chosen.energy.ci95[1])
    return World(assumption, best.label, chosen.label, 1 - _joules(best) / _joules(chosen), interval)


def _joules(one: Candidate) -> float:
    assert one.energy is not None and one.energy.value is not None
    return one.energy.value
