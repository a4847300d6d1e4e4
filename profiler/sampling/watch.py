"""Watches the hardware from the parent while a worker runs: one thread looks at meters and monitor, else it sleeps.

The worker's loop is not disturbed, and both processes use the machine's monotonic clock, so windows match. Where the
worker stands still anyway, before and after each repetition, the meters are read at once, so that an edge of a window
does not fall between two samples. The thread's own processor time is recorded.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from profiler.devices.maker import SeveralMakersError, maker_behind
from profiler.devices.metering.faults import STATED_ERROR
from profiler.devices.metering.stream import MeterStream
from profiler.devices.metering.telemetry import State, TelemetryStream
from profiler.devices.meters import METERS, Meter, MeterLostError
from profiler.devices.monitors import MONITORS, Monitor
from profiler.devices.wall import Wall
from profiler.records.target import EnergyReading, SamplerCost, Telemetry

Opened = TypeVar("Opened", bound=Any)

IDLE_S = 3.0
IDLE_PERIODS = 50
"""An idle window spans so many of the meter's periods, so that resolution leaves 4 % of doubt on idle power."""

SETTLE_S = 1.0
"""Time given to the device to come to rest before each idle window."""

LEAST_INTERVAL_S = 0.1
"""Between two looks where no meter wants to be read more often."""

DUTY = 0.005
"""Largest part of the time that may be spent looking: where a look takes long, looks are made seldom."""

EDGE_S = 0.002
"""How far the sample made at an edge may be from it."""

EDGE_PATIENCE_S = 1.0
"""A look of the thread that hangs longer must not hold up the worker: the edge then goes without a sample."""

THREAD_PATIENCE_S = 10.0

SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 1.0, 30.0


class Watch:
    """The meters and the monitor of one target. Without any, it does nothing and costs nothing."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self._meter = MeterStream(instruments.meter) if instruments.meter else None
        self._host_meter = MeterStream(instruments.host_meter) if instruments.host_meter else None
        self._second = MeterStream(instruments.second_meter) if instruments.second_meter else None
        self._meters = [stream for stream in (self._meter, self._host_meter, self._second) if stream]
        self._wall = instruments.wall
        self._monitor = TelemetryStream(instruments.monitor) if instruments.monitor else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._cpu_s = self._wall_s = 0.0
        self._look_s = 0.0
        self._jitter = random.Random(0)  # noqa: S311 - only to be uneven
        self._idle: list[tuple[int, int]] = []

    @property
    def energy_window_s(self) -> float | None:
        """How long a window must be for the meters' stated error, known within ``watching``; None without a meter.

        A wall meter was asked for, so windows are made long enough for it too.
        """
        periods = []
        if self._meter is not None:
            periods.append(self._meter.update_period_s or self._meter.meter.power_period_s)
        if self._wall is not None:
            periods.append(self._wall.period_s)
        if not periods:
            return None
        wanted = 2 * max(*periods, EDGE_S) / STATED_ERROR
        return min(max(wanted, SHORTEST_WINDOW_S), LONGEST_WINDOW_S)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until the block is left; idle windows come before and after it."""
        if not self._meters and self._monitor is None and self._wall is None:
            yield
            return
        for stream in self._meters:
            stream.find_update_period()
        with self.sampling():
            self._rest()
            yield
            self._rest()
        if self._wall is not None:
            self._wall.settle()

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Look regularly until the block is left; the first and the last look are at its edges."""
        self.edge()
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(THREAD_PATIENCE_S)
            self.edge()

    def edge(self) -> None:
        """Read the meters now: the worker stands at the edge of a window."""
        began = time.thread_time()
        if self._lock.acquire(timeout=EDGE_PATIENCE_S):
            try:
                for stream in self._meters:
                    stream.sample()
            finally:
                self._lock.release()
        self._cpu_s += time.thread_time() - began

    def _rest(self) -> None:
        """An idle window, read at both edges."""
        time.sleep(SETTLE_S)
        self.edge()
        begin = time.perf_counter_ns()
        period_s = (self._meter.update_period_s or 0.0) if self._meter else 0.0
        period_s = max(period_s, self._wall.period_s if self._wall else 0.0)
        time.sleep(max(IDLE_S, min(IDLE_PERIODS * period_s, LONGEST_WINDOW_S)))
        self._idle.append((begin, time.perf_counter_ns()))
        self.edge()

    def _run(self) -> None:
        began = time.perf_counter()
        wanted = min([LEAST_INTERVAL_S, *(s.meter.sample_interval_s for s in self._meters)])
        seldom = min([s.meter.max_interval_s for s in self._meters], default=LEAST_INTERVAL_S)
        since_state_s = LEAST_INTERVAL_S
        while True:
            # Uneven, so that looks and the work's own rhythm cannot fall into step.
            interval_s = min(max(wanted, self._look_s / DUTY) * self._jitter.uniform(0.5, 1.5), seldom)
            if self._stop.wait(interval_s):
                break
            since_state_s += interval_s
            with_state = since_state_s >= LEAST_INTERVAL_S
            since_state_s = 0.0 if with_state else since_state_s
            self._look(with_state=with_state)
        self._wall_s = time.perf_counter() - began
        self._cpu_s += time.thread_time()

    def _look(self, *, with_state: bool) -> None:
        began = time.perf_counter()
        with self._lock:
            for stream in self._meters:
                stream.sample()
            if self._monitor is not None and with_state:
                self._monitor.sample()
        took_s = time.perf_counter() - began
        # A slowly moving mean: one look that was interrupted does not thin out the stream.
        self._look_s = took_s if self._look_s == 0 else 0.9 * self._look_s + 0.1 * took_s

    def reading(self, edges_ns: Iterable[int]) -> EnergyReading | None:
        """What the meter saw; only after ``watching`` was left normally."""
        return self._meter.reading(*self._idle_windows(), edges_ns) if self._meter else None

    def host_reading(self, edges_ns: Iterable[int]) -> EnergyReading | None:
        """What the meter of the host's processor saw beside it."""
        return self._host_meter.reading(*self._idle_windows(), edges_ns) if self._host_meter else None

    def second_reading(self, edges_ns: Iterable[int]) -> EnergyReading | None:
        """What another meter of the same scope saw."""
        return self._second.reading(*self._idle_windows(), edges_ns) if self._second else None

    def wall_reading(self, edges_ns: Iterable[int]) -> EnergyReading | None:
        """What the meter at the wall socket saw."""
        return self._wall.reading(*self._idle_windows(), edges_ns) if self._wall else None

    def _idle_windows(self) -> tuple[tuple[int, int], tuple[int, int]]:
        before, after = self._idle
        return before, after

    @property
    def idle_windows(self) -> tuple[tuple[int, int], ...]:
        """Begin and end in ns of the windows before and after the work."""
        return tuple(self._idle)

    def states(self) -> Sequence[State]:
        """Every state of the device that was seen."""
        return self._monitor.states if self._monitor else ()

    def telemetry(self) -> Telemetry | None:
        """The states in the form of the record."""
        return self._monitor.telemetry() if self._monitor else None

    def cost(self) -> SamplerCost | None:
        """What watching cost; None if nothing was looked at."""
        if self._wall_s == 0:
            return None
        looks = sum(stream.reads for stream in self._meters) + len(self.states())
        cpu_s = self._cpu_s
        if self._wall is not None:
            looks, cpu_s = looks + self._wall.reads, cpu_s + self._wall.cpu_s
        if self._monitor is not None:
            cpu_s += self._monitor.monitor.cpu_s
        return SamplerCost(cpu_s, self._wall_s, looks)

    def close(self) -> None:
        """Let go of the hardware."""
        for stream in self._meters:
            stream.meter.close()
        if self._wall is not None:
            self._wall.close()
        if self._monitor is not None:
            self._monitor.monitor.close()


@dataclass(frozen=True, slots=True)
class Instruments:
    """What can be read while a target runs. ``meter`` reads the hardware that executes it, ``host_meter`` the host's
    processor beside an accelerator, ``second_meter`` the same as ``meter`` by another way, ``wall`` the whole machine.
    A reason says why one is missing and what would enable it.
    """

    meter: Meter | None
    monitor: Monitor | None
    host_meter: Meter | None = None
    meter_reason: str = ""
    monitor_reason: str = ""
    second_meter: Meter | None = None
    wall: Wall | None = None
    wall_reason: str = ""

    @property
    def metered(self) -> bool:
        """Whether anything here gives the target's joules."""
        return self.meter is not None or self.wall is not None


def open_instruments(accelerator: str | None, environment: Mapping[str, str], wall_meter: str = "") -> Instruments:
    """Open the meters and the monitor of a target's hardware, and the wall meter that is named."""
    found = _open_hardware(accelerator, environment)
    if not wall_meter:
        return found
    try:
        return replace(found, wall=Wall.open(wall_meter))
    except MeterLostError as error:
        return replace(found, wall_reason=str(error))


def _open_hardware(accelerator: str | None, environment: Mapping[str, str]) -> Instruments:
    host_kinds = [kind for kind in METERS if not kind.device_types]
    if accelerator is None:
        meter, reason = _first(host_kinds, None, environment)
        second = _second(host_kinds, meter, environment)
        return Instruments(
            meter, None, None, reason, "the host's processor is watched by the worker itself", second_meter=second
        )
    host_meter, _ = _first(host_kinds, None, environment)
    device_type = accelerator.partition(":")[0]
    try:
        maker = maker_behind(accelerator)
    except SeveralMakersError as error:
        return Instruments(None, None, host_meter, str(error), str(error))
    meter, reason = _first(_of(METERS, device_type, maker), accelerator, environment)
    monitor, monitor_reason = _first(_of(MONITORS, device_type, maker), accelerator, environment)
    nothing = f"here reads accelerators of type {device_type}"
    reason = reason or ("" if meter else f"no meter {nothing}")
    monitor_reason = monitor_reason or ("" if monitor else f"no monitor {nothing}")
    return Instruments(meter, monitor, host_meter, reason, monitor_reason)


def _of(kinds: Sequence[type[Opened]], device_type: str, maker: str | None) -> list[type[Opened]]:
    """Those that read devices of that type, and of that maker where it is known."""
    fit = [kind for kind in kinds if device_type in kind.device_types]
    return [kind for kind in fit if maker is None or not kind.makers or maker in kind.makers]


def _second(kinds: Sequence[type[Meter]], first: Meter | None, environment: Mapping[str, str]) -> Meter | None:
    """Another meter that sees the same thing. One of another scope checks nothing, and may be slow to read."""
    if first is None:
        return None
    others = [k for k in kinds if not isinstance(first, k) and k.probe(None, environment).scope == first.scope]
    return _first(others, None, environment)[0]


def _first(
    kinds: Sequence[type[Opened]], accelerator: str | None, environment: Mapping[str, str]
) -> tuple[Opened | None, str]:
    """The first kind that can be read, opened; or why none can: the reasons that can be helped, if any."""
    reasons, hopeless = [], []
    for kind in kinds:
        probe = kind.probe(accelerator, environment)
        if not probe.available:
            if probe.remedy:
                reasons.append(f"{kind.name}: {probe.reason}; to enable: {probe.remedy}")
            else:
                hopeless.append(f"{kind.name}: {probe.reason}")
            continue
        try:
            return kind.open(accelerator, environment), ""
        except MeterLostError as error:
            reasons.append(f"{kind.name}: it was there and is gone: {error}")
    return None, " | ".join(reasons or hopeless)
