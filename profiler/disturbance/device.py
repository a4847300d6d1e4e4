"""What spoils a repetition on an accelerator: found by the parent from the device's telemetry, once the worker is done.

Each detector is one entry of :data:`DEVICE_DETECTORS`; its threshold stands there and nowhere else. A repetition in
which the device was never looked at is not judged. A board at its own power limit is not disturbed: the limit is part
of the board, and telemetry tells how often it bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from profiler.devices.metering.telemetry import State
from profiler.records.target import Repetition, Spoiler
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Seen:
    """One repetition beside the whole run.

    ``states`` are those within it, ``run`` those within any of the run's, ``idle`` those while nothing of ours ran.
    """

    repetition: Repetition
    states: Sequence[State]
    run: Sequence[State]
    idle: Sequence[State] = ()

    def values(self, column: str, *, of_run: bool = False) -> list[float]:
        """What a column held, unread moments left out."""
        return [v for state in (self.run if of_run else self.states) if (v := state.row.get(column)) is not None]


@dataclass(frozen=True, slots=True)
class DeviceDetector:
    """``reading`` gives a figure or None where nothing can be said; past ``threshold`` the repetition is marked."""

    name: str
    unit: str
    threshold: float
    reading: Callable[[Seen], float | None]
    meaning: str
    remedy: str
    external: bool = False


def _throttled(seen: Seen) -> float | None:
    throttled = [state.throttled for state in seen.states if state.throttled is not None]
    return sum(throttled) / len(throttled) if throttled else None


def _clock_drop(seen: Seen) -> float | None:
    here, usual = seen.values("sm_clock_hz"), seen.values("sm_clock_hz", of_run=True)
    return 1 - min(here) / median(usual) if here and median(usual) else None


def _cooler_than_at_the_end(seen: Seen) -> float | None:
    here, run = seen.values("temperature_c"), seen.values("temperature_c", of_run=True)
    return run[-1] - median(here) if here else None


def _others(seen: Seen) -> float | None:
    return max((len(state.foreign) for state in seen.states), default=None)


def _busy_when_idle(seen: Seen) -> float | None:
    shares = [share for state in seen.idle if (share := state.row.get("utilisation")) is not None]
    return median(shares) if shares else None


def _clock_gap(seen: Seen) -> float | None:
    gap_ns = seen.repetition.clock_gap_ns
    return abs(gap_ns) / seen.repetition.token_ns[-1] if gap_ns is not None else None


def _memory_used(seen: Seen) -> float | None:
    used, total = seen.values("memory_used_bytes"), seen.values("memory_total_bytes")
    return max(used) / total[0] if used and total and total[0] else None


DEVICE_DETECTORS: tuple[DeviceDetector, ...] = (
    DeviceDetector(
        "device_throttled",
        "1",
        0.0,
        _throttled,
        "heat or an external brake slowed the device's clocks",
        "improve cooling, or lower the power limit until clocks stay steady",
    ),
    DeviceDetector(
        "device_clock_drop",
        "1",
        0.05,
        _clock_drop,
        "the device's clock fell below that of the rest of the run",
        "lock the clocks (sudo nvidia-smi -lgc), or look for what lowers them in the telemetry",
    ),
    DeviceDetector(
        "device_warming_up",
        "K",
        8.0,
        _cooler_than_at_the_end,
        "the device was still warming up: cooler than at the end of the run",
        "warm up longer or raise --budget",
    ),
    DeviceDetector(
        "device_shared",
        "processes",
        0.0,
        _others,
        "other processes used the device",
        "stop them; the telemetry in the record names them",
        external=True,
    ),
    DeviceDetector(
        "device_busy_before",
        "1",
        0.05,
        _busy_when_idle,
        "something else kept the device busy before and after the run, named or not",
        "find it with the maker's tool (nvidia-smi, npu-smi, ...) on the host, outside the container, and stop it",
        external=True,
    ),
    DeviceDetector(
        "device_clock_gap",
        "1",
        0.01,
        _clock_gap,
        "the device's clock and the host's disagree about how long it took",
        "look for suspends and clock changes; measure again",
    ),
    DeviceDetector(
        "device_memory_full",
        "1",
        0.97,
        _memory_used,
        "the device's memory was almost full: the allocator may have had to wait and clean up",
        "use a smaller batch or a shorter workload, or stop what else holds memory",
    ),
)


def mark_repetitions(
    repetitions: Sequence[Repetition], states: Sequence[State], idle: Sequence[tuple[int, int]] = ()
) -> tuple[Repetition, ...]:
    """The repetitions with what spoiled them added; warm-up is judged too, and counts for the run's usual state not.

    ``idle`` are the windows (begin and end in ns) in which nothing of ours ran.
    """
    at_rest = [state for state in states if any(begin <= state.at_ns <= end for begin, end in idle)]
    within = [_within(repetition, states) for repetition in repetitions]
    counted = zip(repetitions, within, strict=True)
    run = [state for repetition, found in counted if not repetition.warmup for state in found]
    marked = []
    for repetition, found in zip(repetitions, within, strict=True):
        seen = Seen(repetition, found, run or found, at_rest)
        added = []
        for detector in DEVICE_DETECTORS:
            value = detector.reading(seen)
            if value is not None and value > detector.threshold:
                added.append(Spoiler(detector.name, float(value), detector.threshold, detector.unit))
        marked.append(replace(repetition, spoilers=(*repetition.spoilers, *added)))
    return tuple(marked)


def _within(repetition: Repetition, states: Sequence[State]) -> list[State]:
    end_ns = repetition.start_ns + repetition.token_ns[-1]
    return [state for state in states if repetition.start_ns <= state.at_ns <= end_ns]
