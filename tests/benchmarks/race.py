"""Contenders side by side: everyone is loaded, one runs at a time, in turns, with the machine measured in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from backends.common.errors import ChipassayError
from profiler.ceilings.probe import CeilingProbe
from profiler.host.memory import available_bytes
from profiler.records.bundle import CPU
from profiler.records.ceilings import Ceilings
from profiler.records.target import WorkerReport
from profiler.run.supervisor import worker_environment
from tests.benchmarks.contenders import Contender
from tests.benchmarks.lane import Course, Lane, run_job

Say = Callable[[str], None]

ARITHMETIC = ("float32", "bfloat16")
"""Matrix products whose ceiling is measured."""

MEMORY_SHARE = 0.85
"""Share of the free memory that the processes of one heat may take."""


@dataclass(slots=True)
class Heat:
    """One race: what finished, what did not and why, the ceilings beside it, and the machine's load average."""

    precision: str
    rounds: int
    reports: dict[str, WorkerReport] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    ceilings: Ceilings | None = None
    load_average: tuple[float, float] = (0.0, 0.0)
    """Over one minute, before and after; the race itself brings it to the number of threads."""


def plan_heats(course: Course, entrants: Sequence[Contender]) -> Iterator[list[Contender]]:
    """Precision by precision; more heats where memory is short, ours in each of them as the common reference."""
    room = available_bytes() * MEMORY_SHARE
    for precision in dict.fromkeys(contender.precision for contender in entrants):
        group = [contender for contender in entrants if contender.precision == precision]
        ours = [contender for contender in group if contender.ours]
        heat = list(ours)
        for contender in (contender for contender in group if not contender.ours):
            if sum(_needed(course, each) for each in [*heat, contender]) > room and len(heat) > len(ours):
                yield heat
                heat = list(ours)
            heat.append(contender)
        yield heat


def run_heat(course: Course, entrants: Sequence[Contender], rounds: int, say: Say) -> Heat:
    """Convert, load, then ``rounds`` times one repetition each; whoever fails is out, and the others go on."""
    heat = Heat(entrants[0].precision, rounds)
    began = os.getloadavg()[0]
    lanes: list[Lane] = []
    device = next((found for one in entrants if (found := one.load_class().accelerator(course.device))), CPU)
    probe = CeilingProbe(course.threads, ARITHMETIC, worker_environment(course.threads), device)
    try:
        for contender in entrants:
            say(f"{contender.id}: loading")
            try:
                run_job(course, contender, "prepare", dict)
                lanes.append(Lane(course, contender, rounds))
            except ChipassayError as error:
                heat.failures[contender.id] = str(error)
        for number in range(rounds):
            say(f"{heat.precision}: round {number + 1} of {rounds}")
            _round(lanes, number, probe, heat)
        for lane in lanes:
            heat.reports[lane.contender.id] = lane.finish()
    finally:
        for lane in lanes:
            lane.abandon()
        probe.close()
    heat.ceilings = probe.ceilings()
    heat.load_average = (began, os.getloadavg()[0])
    return heat


def _round(lanes: list[Lane], number: int, probe: CeilingProbe, heat: Heat) -> None:
    """One repetition of everyone; who begins moves on by one each round."""
    start = number % max(1, len(lanes))
    for lane in [*lanes[start:], *lanes[:start]]:
        probe.sample()
        try:
            lane.turn()
        except ChipassayError as error:
            heat.failures[lane.contender.id] = str(error)
            lanes.remove(lane)
    probe.sample()


def _needed(course: Course, contender: Contender) -> int:
    spec, precision = course.model.spec, contender.precision
    if contender.ours:
        # What a backend asks for includes its export; in a heat it only runs.
        return int(spec.weight_bytes(precision) + 4 * spec.embedding_parameters + 10**9)
    return contender.load_class().memory_needed_bytes(spec, precision, course.workload)
