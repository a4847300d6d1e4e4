"""Joules of a window from cumulative samples, with the error that the meter's own resolution puts on them.

A counter that changes every ``p`` seconds is up to ``p`` old when it is read; between two samples its course is not
known. So the joules of a window are off by at most the window's mean power times, at each edge, the larger of the
update period and the distance to the nearest sample, and what is unknown of the clock of a meter that has its own.
Figures carry that error; one past the limit is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiler.devices.metering.faults import DISAGREEMENT, EDGE_MISSING, FAULTS, LOST, POWER_GAP
from profiler.records.readings import EnergyReading, MeterFault, PowerSample


class NoEnergyError(Exception):
    """A window has no joules: ``args[0]`` is ``code: why``."""


@dataclass(frozen=True, slots=True)
class WindowEnergy:
    """Joules of one window; ``error_j`` bounds what resolution can have added or taken.

    ``integrated_j`` is the energy by integrated power, None where there is none to compare with.
    """

    energy_j: float
    error_j: float
    duration_s: float
    integrated_j: float | None = None

    @property
    def power_w(self) -> float:
        """Return mean power."""
        return self.energy_j / self.duration_s


@dataclass(frozen=True, slots=True)
class IdlePower:
    """Mean power of the idle windows before and after the work. ``error_w``: resolution, or half their difference."""

    power_w: float
    error_w: float
    before_w: float
    after_w: float


def joules_between(samples: Sequence[PowerSample], begin_ns: int, end_ns: int) -> float | None:
    """Return energy of a window by linear interpolation; None if the samples do not reach over both of its edges."""
    return _between([sample.at_ns for sample in samples], [s.energy_j for s in samples], begin_ns, end_ns)


def _between(at: Sequence[int], joules: Sequence[float], begin_ns: int, end_ns: int) -> float | None:
    if not at or begin_ns < at[0] or end_ns > at[-1]:
        return None
    # Offsets, not absolute times: a float holds 53 bits, and the monotonic clock of a machine long up needs more.
    offsets = [moment - at[0] for moment in at]
    begin_j, end_j = np.interp([begin_ns - at[0], end_ns - at[0]], offsets, joules)
    return float(end_j - begin_j)


def window_energy(reading: EnergyReading, begin_ns: int, end_ns: int) -> WindowEnergy:
    """Return the joules of a window and their error.

    Raises:
        NoEnergyError: If the samples do not bracket the window, or the meter cannot be trusted within it.
    """
    if end_ns <= begin_ns:
        raise NoEnergyError(f"{EDGE_MISSING}: the window is empty")
    touching = [f for f in reading.faults if f.begin_ns < end_ns and f.end_ns > begin_ns]
    for fault in touching:
        kind = FAULTS.get(fault.code)
        if kind is None or kind.spoils:
            raise NoEnergyError(f"{fault.code}: {fault.text}")
    energy_j = joules_between(reading.samples, begin_ns, end_ns)
    if energy_j is None:
        raise NoEnergyError(_uncovered(reading, end_ns))
    duration_s = (end_ns - begin_ns) / 1e9
    doubt_s = sum(
        max(reading.update_period_s or 0.0, _distance_s(reading.samples, edge)) + reading.clock_uncertainty_s
        for edge in (begin_ns, end_ns)
    )
    integrated = None
    if all(s.integrated_j is not None for s in reading.samples) and not any(f.code == POWER_GAP for f in touching):
        at = [sample.at_ns for sample in reading.samples]
        integrated = _between(at, [s.integrated_j or 0.0 for s in reading.samples], begin_ns, end_ns)
    return WindowEnergy(energy_j, energy_j / duration_s * doubt_s, duration_s, integrated)


def _uncovered(reading: EnergyReading, end_ns: int) -> str:
    lost: MeterFault | None = next((fault for fault in reading.faults if fault.code == LOST), None)
    if lost is not None and end_ns > lost.begin_ns:
        return f"{LOST}: {lost.text}"
    return f"{EDGE_MISSING}: {reading.meter}'s samples do not cover the window"


def _distance_s(samples: Sequence[PowerSample], edge_ns: int) -> float:
    """From an edge to the nearest sample."""
    return min(abs(sample.at_ns - edge_ns) for sample in samples) / 1e9


def idle_power(reading: EnergyReading) -> IdlePower:
    """Return mean power of both idle windows together.

    Raises:
        NoEnergyError: If one of them was not sampled.
    """
    before, after = (window_energy(reading, *window) for window in (reading.idle_before_ns, reading.idle_after_ns))
    seconds = before.duration_s + after.duration_s
    resolution_w = (before.error_j + after.error_j) / seconds
    return IdlePower(
        power_w=(before.energy_j + after.energy_j) / seconds,
        error_w=max(resolution_w, abs(before.power_w - after.power_w) / 2),
        before_w=before.power_w,
        after_w=after.power_w,
    )


def disagreement_text(windows: Sequence[WindowEnergy]) -> str:
    """Return how integrated power compares over the same windows; empty where there is none."""
    counted = [w for w in windows if w.integrated_j is not None]
    total_j = sum(w.energy_j for w in counted)
    if total_j <= 0:
        return ""
    part = sum(w.integrated_j or 0.0 for w in counted) / total_j - 1
    if abs(part) <= DISAGREEMENT:
        return f"integrated power agrees within {100 * abs(part):.1f} %"
    return (
        f"sources_disagree: integrated power says {100 * part:+.1f} %, more than the {100 * DISAGREEMENT:g} % allowed; "
        "polled power sees only part of the time, or the counter is wrong"
    )
