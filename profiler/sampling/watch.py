"""Watches the hardware from the parent while a worker runs: one thread looks at meters and monitor, else it sleeps.

The worker's loop is not disturbed, and both processes use the machine's monotonic clock, so windows match. Where the
worker stands still anyway, before and after each repetition, the meters are read at once, so that an edge of a window
does not fall between two samples. The thread's own processor time is recorded.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from profiler.devices.metering.faults import STATED_ERROR
from profiler.devices.metering.telemetry import State, TelemetryStream
from profiler.records.readings import Reading, SamplerCost, Telemetry
from profiler.sampling.instruments import Instruments

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
        self._streams = [channel.stream for channel in instruments.channels if channel.stream]
        self._monitor = TelemetryStream(instruments.monitor) if instruments.monitor else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._cpu_s = self._wall_s = 0.0
        self._look_s = 0.0
        self._jitter = random.Random(0)  # noqa: S311 - only to be uneven
        self._idle: list[tuple[int, int]] = []

    @property
    def energy_window_s(self) -> float | None:
        """Return how long windows must be for the stated error of the meters; None without a meter.

        It is known within ``watching``.

        Windows are long enough for a named wall meter too.
        """
        periods = self._periods_s()
        if not periods:
            return None
        wanted = 2 * max(*periods, EDGE_S) / STATED_ERROR
        return min(max(wanted, SHORTEST_WINDOW_S), LONGEST_WINDOW_S)

    def _periods_s(self) -> list[float]:
        """Return how far apart readings are, of each meter whose joules may be the target's."""
        return [c.stream.period_s for c in self.instruments.channels if c.stream and c.gives_joules]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until the block is left; idle windows come before and after it."""
        if not self._streams and self._monitor is None:
            yield
            return
        for stream in self._streams:
            stream.find_update_period()
        with self.sampling():
            self._rest()
            yield
            self._rest()
        for stream in self._streams:
            stream.settle()

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
                for stream in self._streams:
                    stream.sample()
            finally:
                self._lock.release()
        self._cpu_s += time.thread_time() - began

    def _rest(self) -> None:
        """Make an idle window, read at both edges."""
        time.sleep(SETTLE_S)
        self.edge()
        begin = time.perf_counter_ns()
        periods_s = IDLE_PERIODS * max(self._periods_s(), default=0.0)
        time.sleep(max(IDLE_S, min(periods_s, LONGEST_WINDOW_S)))
        self._idle.append((begin, time.perf_counter_ns()))
        self.edge()

    def _run(self) -> None:
        began = time.perf_counter()
        wanted = min([LEAST_INTERVAL_S, *(s.sample_interval_s for s in self._streams)])
        seldom = min([s.max_interval_s for s in self._streams], default=LEAST_INTERVAL_S)
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
            for stream in self._streams:
                stream.sample()
            if self._monitor is not None and with_state:
                self._monitor.sample()
        took_s = time.perf_counter() - began
        # A slowly moving mean: one look that was interrupted does not thin out the stream.
        self._look_s = took_s if self._look_s == 0 else 0.9 * self._look_s + 0.1 * took_s

    def readings(self, edges_ns: Iterable[int]) -> tuple[Reading, ...]:
        """Return what every meter saw, or why it saw nothing; only after ``watching`` was left normally."""
        edges = tuple(edges_ns)
        before, after = self._idle or ((0, 0), (0, 0))  # without a meter nothing was idle, and nothing is read
        return tuple(
            Reading(c.role, c.stream.reading(before, after, edges) if c.stream else None, c.reason)
            for c in self.instruments.channels
        )

    @property
    def idle_windows(self) -> tuple[tuple[int, int], ...]:
        """Begin and end in ns of the windows before and after the work."""
        return tuple(self._idle)

    def states(self) -> Sequence[State]:
        """Return every state of the device that was seen."""
        return self._monitor.states if self._monitor else ()

    def telemetry(self) -> Telemetry | None:
        """Return the states in the form of the record."""
        return self._monitor.telemetry() if self._monitor else None

    def cost(self) -> SamplerCost | None:
        """Return what watching cost; None if nothing was read."""
        if self._wall_s == 0:
            return None
        looks = sum(stream.reads for stream in self._streams) + len(self.states())
        cpu_s = self._cpu_s + sum(stream.cpu_s for stream in self._streams)
        if self._monitor is not None:
            cpu_s += self._monitor.monitor.cpu_s
        return SamplerCost(cpu_s, self._wall_s, looks)

    def close(self) -> None:
        """Let go of the hardware."""
        for stream in self._streams:
            stream.close()
        if self._monitor is not None:
            self._monitor.monitor.close()
