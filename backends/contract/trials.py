"""Trying ways to do a piece of work before anything is timed: the fastest one that runs is taken, all are recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from backends.contract.backend import Trial

TRIAL_RUNS = 5
"""Each candidate is judged by the median of so many runs."""


def try_all(work: str, candidates: Mapping[str, Callable[[], Callable[[], float]]]) -> list[Trial]:
    """Try every way to do ``work``: calling a candidate makes it ready and gives what runs it once, in seconds."""
    return [try_one(work, way, prepare) for way, prepare in candidates.items()]


def try_one(work: str, way: str, prepare: Callable[[], Callable[[], float]]) -> Trial:
    """One way; whatever it raises is the reason why it is none."""
    began = time.perf_counter()
    try:
        run = prepare()
        ready_s = time.perf_counter() - began
        return Trial(work, way, False, median(run() for _ in range(TRIAL_RUNS)), ready_s)
    except Exception as error:  # noqa: BLE001 - a compiler or kernel that fails is a candidate less, with its reason
        said = next(iter(str(error).strip().splitlines()), "")
        return Trial(work, way, False, None, time.perf_counter() - began, f"{type(error).__name__}: {said}"[:300])


def choose(trials: Sequence[Trial]) -> tuple[str, tuple[Trial, ...]]:
    """The fastest way, and the trials with that one marked as chosen.

    Raises:
        RuntimeError: If none ran; the message holds every reason.
    """
    ran = [trial for trial in trials if trial.duration_s is not None]
    if not ran:
        raise RuntimeError(" | ".join(f"{trial.way}: {trial.failure}" for trial in trials))
    best = min(ran, key=lambda trial: trial.duration_s or 0.0)
    return best.way, tuple(replace(trial, chosen=trial is best) for trial in trials)
