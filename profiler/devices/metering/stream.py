"""The readings of one meter over a run: collected, audited, thinned."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from profiler.devices.meter import Look, Meter, MeterLostError
from profiler.devices.metering.faults import (
    FAULTS,
    FROZEN,
    FROZEN_AT_LEAST_S,
    FROZEN_PERIODS,
    GAP,
    JUMPED,
    LOST,
    POWER_GAP,
    POWER_GAP_PERIODS,
    POWER_GAP_S,
)
from profiler.devices.metering.update_period import infer_update_period_s
from profiler.records.quantity import Grade
from profiler.records.readings import EnergyReading, MeterFault, PowerSample

MOST_KEPT = 300
"""Samples kept beside those at the edges of windows."""


UNKNOWN_PERIOD_S = 0.1
"""The period assumed for a counter whose period is unknown: no counter in use is slower."""


class MeterStream:
    """Samples a meter on request, and keeps the readings and their faults."""

    def __init__(self, meter: Meter, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.meter = meter
        self.device, self.cpu_s = meter.device, 0.0
        self.sample_interval_s, self.max_interval_s = meter.sample_interval_s, meter.max_interval_s
        self.update_period_s: float | None = None
        self.reads = 0
        self._clock = clock
        self._samples: list[PowerSample] = []
        self._faults: list[MeterFault] = []
        self._lost = False
        self._last_power: tuple[int, float] | None = None
        self._integrated_j = 0.0
        self._changed_ns = 0
        self._longest_gap_ns = 0

    @property
    def period_s(self) -> float:
        """Return how far apart readings are: of the counter, or of power where the counter's is not known."""
        return self.update_period_s or self.meter.power_period_s

    def settle(self) -> None:
        """Do nothing: the last sample is past the end of the work."""

    def close(self) -> None:
        """Release the meter."""
        self.meter.close()

    def find_update_period(self) -> None:
        """Find the period by reading back to back; only before the work."""
        if self.meter.grade == "derived":
            self.update_period_s = self.meter.power_period_s
            return
        try:
            self.update_period_s = infer_update_period_s(
                lambda: self.meter.look().energy_j, lambda: self._clock() / 1e9
            )
        except MeterLostError:
            self.update_period_s = None

    def sample(self) -> None:
        """Look once."""
        if self._lost:
            return
        self.reads += 1
        before = self._samples[-1] if self._samples else None
        try:
            look = self.meter.look()
        except MeterLostError as error:
            self._lost = True
            now = self._clock()
            self._note(LOST, before.at_ns if before else now, now, str(error))
            return
        now = self._clock()
        if look.energy_j is None and look.power_w is None:
            return
        self._integrate(now, look)
        energy_j = self._integrated_j if look.energy_j is None else look.energy_j
        integrated = self._integrated_j if self.meter.power_source else None
        sample = PowerSample(now, energy_j, integrated)
        if before is not None:
            self._audit(before, sample, look)
        else:
            self._changed_ns = now
        self._samples.append(sample)

    def _integrate(self, now: int, look: Look) -> None:
        if look.power_w is None:
            return
        if self._last_power is not None:
            then, power_w = self._last_power
            self._integrated_j += (power_w + look.power_w) / 2 * (now - then) / 1e9
            if now - then > max(POWER_GAP_S, POWER_GAP_PERIODS * self.meter.power_period_s) * 1e9:
                code = POWER_GAP if self.meter.grade == "measured" else GAP
                self._note(code, then, now, f"{(now - then) / 1e9:.1f} s without a power reading")
        self._last_power = (now, look.power_w)

    def _audit(self, before: PowerSample, sample: PowerSample, look: Look) -> None:
        gap_ns = sample.at_ns - before.at_ns
        self._longest_gap_ns = max(self._longest_gap_ns, gap_ns)
        rise_j = sample.energy_j - before.energy_j
        if look.fault:
            self._note(look.fault, before.at_ns, sample.at_ns)
        if gap_ns > self.meter.max_interval_s * 1e9:
            self._note(GAP, before.at_ns, sample.at_ns, f"{gap_ns / 1e9:.1f} s without a reading")
        if rise_j > self.meter.max_power_w * (gap_ns / 1e9 + 2 * (self.update_period_s or UNKNOWN_PERIOD_S)):
            self._note(JUMPED, before.at_ns, sample.at_ns, f"{rise_j:.0f} J in {gap_ns / 1e9:.2f} s")
        if rise_j > 0:
            self._changed_ns = sample.at_ns
            return
        still_ns = sample.at_ns - self._changed_ns
        if still_ns > 1e9 * max(FROZEN_AT_LEAST_S, FROZEN_PERIODS * (self.update_period_s or 0.0)):
            self._drop_open_freeze()
            self._note(FROZEN, self._changed_ns, sample.at_ns, f"for {still_ns / 1e9:.1f} s")

    def _drop_open_freeze(self) -> None:
        """A freeze that goes on is one fault, not one a sample."""
        if self._faults and (last := self._faults[-1]).code == FROZEN and last.begin_ns == self._changed_ns:
            self._faults.pop()

    def _note(self, code: str, begin_ns: int, end_ns: int, text: str = "") -> None:
        said = f"the meter {FAULTS[code].meaning}" + (f" ({text})" if text else "")
        self._faults.append(MeterFault(code, begin_ns, end_ns, said))

    def reading(
        self, idle_before_ns: tuple[int, int], idle_after_ns: tuple[int, int], edges_ns: Iterable[int]
    ) -> EnergyReading:
        """All that was seen, thinned: samples beside ``edges_ns`` and the idle windows' edges stay."""
        samples, grade, source = tuple(self._samples), self.meter.grade, self.meter.power_source
        update_period_s = self.update_period_s
        faults = tuple(self._faults)
        if grade == "measured" and update_period_s is None:
            samples, grade, source, faults = self._without_counter(samples, source, faults)
            update_period_s = self.meter.power_period_s if grade == "derived" else None
        if grade == "derived":
            samples = tuple(PowerSample(s.at_ns, s.energy_j) for s in samples)
        rises = [b.energy_j - a.energy_j for a, b in pairwise(samples)]
        return EnergyReading(
            meter=self.meter.name,
            scope=self.meter.scope,
            resolution_j=min((rise for rise in rises if rise > 0), default=0.0),
            idle_before_ns=idle_before_ns,
            idle_after_ns=idle_after_ns,
            samples=thin(samples, [*idle_before_ns, *idle_after_ns, *edges_ns]),
            grade=grade,
            update_period_s=update_period_s,
            power_source=source,
            device=dict(self.meter.device),
            faults=faults,
            samples_taken=len(samples),
            longest_gap_s=self._longest_gap_ns / 1e9,
        )

    def _without_counter(
        self, samples: tuple[PowerSample, ...], source: str, faults: tuple[MeterFault, ...]
    ) -> tuple[tuple[PowerSample, ...], Grade, str, tuple[MeterFault, ...]]:
        """Replace a counter that never moved by integrated power, if there is any."""
        begin, end = (samples[0].at_ns, samples[-1].at_ns) if samples else (0, 0)
        if not source:
            still = "the meter's counter stood still when it was read back to back before the run"
            return samples, "measured", source, (*faults, MeterFault(FROZEN, begin, end, still))
        kept = tuple(fault for fault in faults if fault.code in (LOST, POWER_GAP))
        moved = tuple(MeterFault(GAP, f.begin_ns, f.end_ns, f.text) if f.code == POWER_GAP else f for f in kept)
        replaced = tuple(PowerSample(s.at_ns, s.integrated_j or 0.0) for s in samples)
        return replaced, "derived", f"{source}; the energy counter stood still", moved


def thin(samples: Sequence[PowerSample], edges_ns: Iterable[int], most: int = MOST_KEPT) -> tuple[PowerSample, ...]:
    """At most ``most`` evenly spaced samples, and both neighbours of every edge; cumulative figures do not change."""
    if len(samples) <= most:
        return tuple(samples)
    at = [sample.at_ns for sample in samples]
    step = (len(samples) - 1) / (most - 1)
    kept = {round(number * step) for number in range(most)}
    for edge in edges_ns:
        place = bisect_left(at, edge)
        kept.update(index for index in (place - 1, place, place + 1) if 0 <= index < len(samples))
    return tuple(samples[index] for index in sorted(kept))
