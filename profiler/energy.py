"""Energy of a worker: a meter sampled by the parent while the worker runs, and joules per token from the samples.

The parent samples, so the worker's loop is not disturbed; both use the machine's monotonic clock, so windows match.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from profiler.meters import METERS, Meter
from profiler.record import EnergyReading, PowerSample, Repetition

SAMPLE_INTERVAL_S = 0.1
IDLE_S = 3.0


class EnergyWatch:
    """Samples one meter: an idle window, the work, another idle window."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._samples: list[PowerSample] = []
        self._stop = threading.Event()
        self._interval_s = min(SAMPLE_INTERVAL_S, meter.max_interval_s)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Sample until the block is left; idle windows come before and after it."""
        thread = threading.Thread(target=self._run, daemon=True)
        self._sample()
        thread.start()
        try:
            self.idle_before_ns = _idle()
            yield
            self.idle_after_ns = _idle()
        finally:
            self._stop.set()
            thread.join()
            self._sample()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._sample()

    def _sample(self) -> None:
        """The first and the last lie outside both idle windows, so that the samples cover them."""
        self._samples.append(PowerSample(time.perf_counter_ns(), self._meter.read_j()))

    def reading(self) -> EnergyReading:
        """What was seen; only after ``watching`` was left normally."""
        steps = np.diff([sample.energy_j for sample in self._samples])
        resolution = float(steps[steps > 0].min()) if (steps > 0).any() else 0.0
        return EnergyReading(
            self._meter.name,
            self._meter.scope,
            resolution,
            self.idle_before_ns,
            self.idle_after_ns,
            tuple(self._samples),
        )


def _idle() -> tuple[int, int]:
    begin = time.perf_counter_ns()
    time.sleep(IDLE_S)
    return begin, time.perf_counter_ns()


def open_meter() -> tuple[Meter | None, str]:
    """The first meter that can be read here, or why there is none and what would enable it."""
    reasons = []
    for kind in METERS:
        probe = kind.probe()
        if probe.available:
            return kind(), ""
        reasons.append(f"{kind.name}: {probe.reason}; to enable: {probe.remedy}")
    return None, " | ".join(reasons)


def joules_between(samples: Sequence[PowerSample], begin_ns: int, end_ns: int) -> float | None:
    """Energy of a window by linear interpolation; None if the samples do not reach over both of its edges."""
    if not samples or begin_ns < samples[0].at_ns or end_ns > samples[-1].at_ns:
        return None
    at = [sample.at_ns for sample in samples]
    joules = [sample.energy_j for sample in samples]
    return float(np.interp(end_ns, at, joules) - np.interp(begin_ns, at, joules))


def idle_power_w(reading: EnergyReading) -> float | None:
    """Mean power of both idle windows together."""
    joules, seconds = 0.0, 0.0
    for begin, end in (reading.idle_before_ns, reading.idle_after_ns):
        part = joules_between(reading.samples, begin, end)
        if part is None:
            return None
        joules += part
        seconds += (end - begin) / 1e9
    return joules / seconds if seconds else None


def joules_per_token(reading: EnergyReading, repetitions: Sequence[Repetition], *, net: bool) -> list[float]:
    """Joules per output token of each repetition the samples cover, prefill included; ``net`` subtracts idle power."""
    idle_w = idle_power_w(reading) if net else 0.0
    if idle_w is None:
        return []
    found = []
    for repetition in repetitions:
        end_ns = repetition.start_ns + repetition.token_ns[-1]
        joules = joules_between(reading.samples, repetition.start_ns, end_ns)
        if joules is not None:
            tokens = len(repetition.token_ids) * len(repetition.token_ns)
            found.append((joules - idle_w * repetition.token_ns[-1] / 1e9) / tokens)
    return found
