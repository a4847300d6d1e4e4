"""Try several ways to do a piece of work before the measurement: take the fastest, record all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from backends.contract.backend import Trial

TRIAL_RUNS = 5
"""Runs of each candidate; their median counts."""


def try_all(work: str, candidates: Mapping[str, Callable[[], Callable[[], float]]]) -> list[Trial]:
    """Try every way to do ``work``. A candidate makes itself ready and returns what runs it once, in seconds."""
    return [try_one(work, way, prepare) for way, prepare in candidates.items()]


def try_one(work: str, way: str, prepare: Callable[[], Callable[[], float]]) -> Trial:
    """Try one way; an exception becomes its ``failure``."""
    began = time.perf_counter()
    try:
        run = prepare()
        ready_s = time.perf_counter() - began
        return Trial(work, way, False, median(run() for _ in range(TRIAL_RUNS)), ready_s)
    except Exception as error:  # noqa: BLE001 - a compiler or kernel that fails drops out, with its reason
        reason = next(iter(str(error).strip().splitlines()), "")
        return Trial(work, way, False, None, time.perf_counter() - began, f"{type(error).__name__}: {reason}"[:300])


def choose(trials: Sequence[Trial]) -> tuple[str, tuple[Trial, ...]]:
    """Return the fastest way, and the trials with that one marked as chosen.

    Raises:
        RuntimeError: None ran; the message holds every reason.
    """
    ran = [trial for trial in trials if trial.duration_s is not None]
    if not ran:
        raise RuntimeError(" | ".join(f"{trial.way}: {trial.failure}" for trial in trials))
    best = min(ran, key=lambda trial: trial.duration_s or 0.0)
    return best.way, tuple(replace(trial, chosen=trial is best) for trial in trials)
