"""What spoils a repetition on an accelerator: the parent judges the device's telemetry once the worker has ended.

Each detector, with its threshold, is one entry of :data:`DEVICE_DETECTORS`. A repetition without a telemetry row is not
judged. A board at its own power limit is not disturbed: the limit is part of the board, and telemetry records how often
it was reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from profiler.devices.metering.telemetry import State
from profiler.disturbance.detector import Detector, spoilers
from profiler.records.target import Repetition
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Seen:
    """One repetition beside the whole run.

    ``states`` were seen during it, ``run`` during any counted repetition, ``idle`` while this run used no device.
    """

    repetition: Repetition
    states: Sequence[State]
    run: Sequence[State]
    idle: Sequence[State] = ()

    def values(self, column: str, *, of_run: bool = False) -> list[float]:
        """Return the known values of a column."""
        return [v for state in (self.run if of_run else self.states) if (v := state.row.get(column)) is not None]


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


DEVICE_DETECTORS = (
    Detector(
        "device_throttled", "1", 0.0, _throttled,
        "improve cooling, or lower the power limit until clocks stay steady",
    ),
    Detector(
        "device_clock_drop", "1", 0.05, _clock_drop,
        "lock the clocks (on NVIDIA: sudo nvidia-smi -lgc), or find in the telemetry what lowers them",
    ),
    Detector("device_warming_up", "K", 8.0, _cooler_than_at_the_end, "warm up longer or raise --budget"),
    Detector(
        "device_shared", "processes", 0.0, _others,
        "stop the other processes; the telemetry in the record names them", external=True,
    ),
    Detector(
        "device_busy_before", "1", 0.05, _busy_when_idle,
        "find what uses the device with the maker's tool (nvidia-smi, npu-smi, ...) on the host, outside the "
        "container, and stop it", external=True,
    ),
    # The device's clock and the host's disagree about how long the repetition took.
    Detector(
        "device_clock_gap", "1", 0.01, _clock_gap,
        "look for suspends and clock changes; measure again",
    ),
    # The memory was almost full: the allocator may have had to wait and clean up.
    Detector(
        "device_memory_full", "1", 0.97, _memory_used,
        "use a smaller batch or a shorter workload, or stop what else holds memory",
    ),
)  # fmt: skip


def mark_repetitions(
    repetitions: Sequence[Repetition], states: Sequence[State], idle: Sequence[tuple[int, int]] = ()
) -> tuple[Repetition, ...]:
    """Return the repetitions with what spoiled them. Warm-up is judged too, but does not define the usual state.

    ``idle`` are the windows (begin and end in ns) in which this run used no device.
    """
    at_rest = [state for state in states if any(begin <= state.at_ns <= end for begin, end in idle)]
    within = [(repetition, _within(repetition, states)) for repetition in repetitions]
    run = [state for repetition, own in within if not repetition.warmup for state in own]
    return tuple(
        replace(
            repetition,
            spoilers=(*repetition.spoilers, *spoilers(DEVICE_DETECTORS, Seen(repetition, own, run or own, at_rest))),
        )
        for repetition, own in within
    )


def _within(repetition: Repetition, states: Sequence[State]) -> list[State]:
    end_ns = repetition.start_ns + repetition.token_ns[-1]
    return [state for state in states if repetition.start_ns <= state.at_ns <= end_ns]
