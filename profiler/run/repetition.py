"""Warm up until steady, then repeat until the answer is precise enough or the budget ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from backends.contract.backend import Backend, Generation
from backends.contract.workload import Conversation, Workload
from profiler.disturbance.host import Counters, mark_frequency_drift, read_counters, spoilers_between
from profiler.records.target import Repetition, Turn, conversation_ns, decode_rate
from profiler.run.plan import Event
from profiler.statistics.intervals import MIN_FOR_INTERVAL, relative_half_width
from profiler.statistics.medians import median

WARMUP_TOKENS = 8
WARMUP_LIMIT = 8
WARMUP_TOLERANCE = 0.05
"""Warm-up ends when two runs in a row take the same time within this fraction."""

WARMUP_SHARE = 0.25
"""Warm-up may take this part of the budget; two runs are made in any case."""

MIN_REPETITIONS = 3
"""Repetitions made even when the budget is over."""

OVERTIME = 1.5
"""The budget may be exceeded by this factor to reach the repetitions that an interval needs."""

RACE_OVERTIME = 2.0
"""The same in a race, where the budget of repetitions is a part of the target's."""

MAX_REPETITIONS = 60


@dataclass(frozen=True, slots=True)
class Measured:
    """Warm-up and counted repetitions, and why each phase ended."""

    repetitions: tuple[Repetition, ...]
    warmup_steady: bool
    stop_reason: str


def measure(
    backend: Backend,
    workload: Workload,
    budget_s: float,
    precision_wanted: float,
    emit: Callable[[Event], None],
    pause: Callable[[], float],
    overtime: float = OVERTIME,
) -> Measured:
    """Run the workload until its decode rate is known within ``precision_wanted``: with one token, its TTFT.

    Of a conversation it is the time of the whole.

    ``pause`` is called before each counted repetition and after the last: the moment to measure the machine itself. It
    returns for how many seconds other targets ran meanwhile, which the budget does not count. ``overtime`` is the
    factor by which the budget may be exceeded to reach the repetitions that an interval needs.
    """
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    began = time.perf_counter()
    warmups, steady = _warm_up(backend, prompt, workload, budget_s, emit)
    counted: list[Repetition] = []
    ended: list[Counters] = []
    rates: list[float] = []
    left_s = max(0.0, budget_s - (time.perf_counter() - began))
    began = time.perf_counter()
    others_s = pause()
    while True:
        repetition, after = _repeat(backend, prompt, workload.output_tokens, workload.conversation)
        counted.append(repetition)
        ended.append(after)
        others_s += pause()
        rates.append(_rate(counted[-1]))
        elapsed = time.perf_counter() - began - others_s
        reason = _stop_reason(rates, elapsed, left_s, precision_wanted, overtime)
        emit(Event("measure", _estimate(rates, workload), _time_left(rates, elapsed, left_s, precision_wanted)))
        if reason:
            return Measured((*warmups, *mark_frequency_drift(counted, ended)), steady, reason)


def _warm_up(
    backend: Backend, prompt: np.ndarray, workload: Workload, budget_s: float, emit: Callable[[Event], None]
) -> tuple[list[Repetition], bool]:
    """Run shortly until two runs in a row agree; return the runs and whether they did."""
    done: list[Repetition] = []
    began = time.perf_counter()
    for number in range(1, WARMUP_LIMIT + 1):
        warm, _ = _repeat(backend, prompt, min(WARMUP_TOKENS, workload.output_tokens))
        done.append(replace(warm, warmup=True))
        emit(Event("warm-up", f"run {number}: {done[-1].token_ns[-1] / 1e9:.2f} s"))
        if number > 1:
            last, before = done[-1].token_ns[-1], done[-2].token_ns[-1]
            if abs(last - before) <= WARMUP_TOLERANCE * before:
                return done, True
            if time.perf_counter() - began > WARMUP_SHARE * budget_s:
                break
    return done, False


def _repeat(
    backend: Backend, prompt: np.ndarray, output_tokens: int, conversation: Conversation | None = None
) -> tuple[Repetition, Counters]:
    """Run one generation or conversation; return it with what disturbed it, and the machine's counters after it."""
    before = read_counters()
    if conversation is None:
        answers: tuple[Generation, ...] = (backend.generate(prompt, output_tokens),)
    else:
        ids = [np.asarray(rows, dtype=np.int64) for rows in conversation.later_ids]
        answers = backend.converse(prompt, ids, output_tokens, keep=conversation.prefix_cache)
    after = read_counters()
    run, *later = answers
    turns = tuple(Turn(turn.start_ns, _offsets(turn), turn.token_ids) for turn in later)
    spoilers = spoilers_between(before, after)
    gap, image = run.clock_gap_ns, run.image_ns
    return Repetition(run.start_ns, _offsets(run), run.token_ids, False, spoilers, gap, image, turns), after


def _offsets(run: Generation) -> tuple[int, ...]:
    return tuple(at - run.start_ns for at in run.token_ns)


def _rate(repetition: Repetition) -> float:
    """Return what has to become precise: conversations, decoded tokens, or, with one token, prompts per second."""
    if repetition.turns:
        return 1e9 / conversation_ns(repetition)
    return decode_rate(repetition) or 1e9 / repetition.token_ns[0]


def _stop_reason(rates: list[float], elapsed_s: float, budget_s: float, wanted: float, overtime: float) -> str:
    """Return why to stop now, or nothing."""
    width = relative_half_width(rates)
    if width is not None and width <= wanted:
        return f"the 95 % interval of the median is within {100 * wanted:g} % after {len(rates)} repetitions"
    if len(rates) >= MAX_REPETITIONS:
        return f"{MAX_REPETITIONS} repetitions were made"
    typical = elapsed_s / len(rates)
    limit_s = budget_s * (overtime if len(rates) < MIN_FOR_INTERVAL else 1)
    if len(rates) >= MIN_REPETITIONS and elapsed_s + typical > limit_s:
        return f"the budget ended after {len(rates)} repetitions"
    return ""


def _estimate(rates: list[float], workload: Workload) -> str:
    unit = "conversations/s" if workload.conversation else "tok/s" if workload.output_tokens > 1 else "prompts/s"
    width = relative_half_width(rates)
    spread = f" ± {100 * width:.1f} %" if width is not None else ""
    return f"repetition {len(rates)}: {median(rates):.2f} {unit}{spread}"


def _time_left(rates: list[float], elapsed_s: float, budget_s: float, wanted: float) -> float:
    """Seconds until the stop: the interval narrows with the root of n, the budget is the hard end."""
    typical = elapsed_s / len(rates)
    width = relative_half_width(rates)
    needed = MIN_FOR_INTERVAL if width is None else len(rates) * (width / wanted) ** 2
    return max(0.0, min((needed - len(rates)) * typical, budget_s - elapsed_s))
