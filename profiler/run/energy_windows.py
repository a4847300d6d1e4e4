"""Windows of back-to-back work, for meters too slow for one repetition: made by the worker after the timed ones.

A board's counter changes every 20 to 100 ms, and a repetition of a small model takes less. The parent says how long a
window must be for its meter (:attr:`Plan.energy_window_s`); repetitions that are as long are windows themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from backends.contract.backend import Backend
from backends.contract.workload import Workload
from profiler.records.target import EnergyWindow, Repetition, counted
from profiler.run.plan import Event
from profiler.statistics.medians import median

IDLE_S = 3.0
"""How long the loaded model is left alone, to see what it costs to keep it."""

Edge = Callable[[], None]


def needed_phases(
    repetitions: Sequence[Repetition], output_tokens: int, window_s: float
) -> tuple[Literal["generate", "prefill"], ...]:
    """Return the kinds of work whose stretches within the counted repetitions are too short.

    Decode needs none: its energy is that of a whole generation less that of its prefill.
    """
    needed: list[Literal["generate", "prefill"]] = []
    if median([r.token_ns[-1] / 1e9 for r in counted(repetitions)]) < window_s:
        needed.append("generate")
    if output_tokens > 1 and median([r.token_ns[0] / 1e9 for r in counted(repetitions)]) < window_s:
        needed.append("prefill")
    return tuple(needed)


def make_windows(
    backend: Backend,
    workload: Workload,
    repetitions: Sequence[Repetition],
    window_s: float,
    edge: Edge,
    emit: Callable[[Event], None],
) -> tuple[EnergyWindow, ...]:
    """Make one window of every kind that is needed, and one of idleness with the model loaded.

    ``edge`` makes the parent read its meter at once, so that no edge lies between two samples. Each kind begins with a
    generation outside the window, which brings the device to that kind of work.
    """
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    made = [_idle(edge, emit)]
    for phase in needed_phases(repetitions, workload.output_tokens, window_s):
        tokens = 1 if phase == "prefill" else workload.output_tokens
        emit(Event("energy", f"{phase} back to back for {window_s:.1f} s", window_s))
        backend.generate(prompt, tokens)
        edge()
        begin = time.perf_counter_ns()
        generations = 0
        while generations == 0 or time.perf_counter_ns() - begin < window_s * 1e9:
            backend.generate(prompt, tokens)
            generations += 1
        end = time.perf_counter_ns()
        edge()
        made.append(EnergyWindow(phase, begin, end, generations))
    return tuple(made)


def _idle(edge: Edge, emit: Callable[[Event], None]) -> EnergyWindow:
    emit(Event("energy", "idle with the model loaded", IDLE_S))
    edge()
    begin = time.perf_counter_ns()
    time.sleep(IDLE_S)
    end = time.perf_counter_ns()
    edge()
    return EnergyWindow("idle", begin, end, 0)
