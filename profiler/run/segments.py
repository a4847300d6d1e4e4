"""Short stretches of generation, run in turn with the workers of other targets.

A repetition takes seconds, in which a shared machine changes. Eight decode steps take a fraction of one, and the
neighbour's same eight steps follow at once, so that the ratio of the two holds whatever the machine does meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from backends.contract.backend import Backend
from backends.contract.workload import Workload
from profiler.disturbance.host import read_counters, spoilers_between
from profiler.records.target import Segment

SEGMENT_TOKENS = 8
LEAD_TOKENS = 1
"""Steps at the start of a stretch of decoding that are not timed: the neighbour has emptied the caches, which made a
whole stretch 0.7 to 1.6 % slower than the same steps of a repetition (2 cores, Qwen3-0.6B, float32)."""
LEAST_TOKENS = 4
"""A shorter rest at the end of a generation is not recorded."""


class _OverError(Exception):
    """No more segments are run."""


def can_segment(backend: type[Backend], workload: Workload) -> bool:
    """Return whether the engine stops between tokens, and the workload has tokens enough to stop at."""
    enough = workload.output_tokens > LEAD_TOKENS + LEAST_TOKENS
    return backend.segmented and enough and workload.conversation is None and workload.image is None


def run_segments(backend: Backend, workload: Workload, turn: Callable[[], bool]) -> tuple[Segment, ...]:
    """Generate again and again, a turn for each stretch, until ``turn`` ends the race.

    ``turn`` stands still until the next turn; False ends the segments.
    """
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    clock = _Clock(turn, workload.output_tokens)
    try:
        while True:
            clock.begin_generation()
            backend.generate_in_segments(prompt, workload.output_tokens, clock.known)
    except _OverError:
        return tuple(clock.segments)


class _Clock:
    """Times the stretches between turns; the waiting itself is outside of them."""

    def __init__(self, turn: Callable[[], bool], output_tokens: int) -> None:
        self._turn = turn
        self._output_tokens = output_tokens
        self._heat = -1
        self._at = self._lead = 0
        self.segments: list[Segment] = []

    def begin_generation(self) -> None:
        """Wait for the turn of a prefill."""
        self._heat += 1
        self._at = self._lead = 0
        self._begin()

    def known(self, tokens: int) -> None:
        """Note that ``tokens`` tokens are known; end the stretch here if it is long enough, and wait for the next."""
        ended_ns = time.perf_counter_ns()
        if self._lead and tokens == self._at + self._lead:
            self._at, self._lead, self._begin_ns = tokens, 0, time.perf_counter_ns()
            return
        length = tokens - self._at
        last = tokens == self._output_tokens
        if self._at and length < (LEAST_TOKENS if last else SEGMENT_TOKENS):
            return
        spoilers = spoilers_between(self._before, read_counters())
        self.segments.append(Segment(self._heat, self._at, length, self._begin_ns, ended_ns - self._begin_ns, spoilers))
        self._at, self._lead = tokens, LEAD_TOKENS
        if not last:
            self._begin()

    def _begin(self) -> None:
        if not self._turn():
            raise _OverError
        self._before = read_counters()
        self._begin_ns = time.perf_counter_ns()
