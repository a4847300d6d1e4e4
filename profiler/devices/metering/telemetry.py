"""The state of the device over a run, sampled by the parent, with the processes that are not part of the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from profiler.devices.meter import MeterLostError
from profiler.devices.monitor import Row
from profiler.devices.monitors import Monitor
from profiler.records.readings import DeviceProcess, Telemetry

VERSION = 1
MOST_KEPT = 400
"""Rows kept in the record."""

SLOW_EVERY = 5
"""One look in this many reads the slow columns and the processes."""


@dataclass(frozen=True, slots=True)
class State:
    """The device at one moment. Slow columns hold the latest value; ``foreign`` are processes outside this run.

    ``throttled``: heat or an external brake held the clocks down; None if the monitor does not report it.
    """

    at_ns: int
    row: Row
    foreign: frozenset[int] = frozenset()
    throttled: bool | None = None


@dataclass(slots=True)
class _Seen:
    """A foreign process so far."""

    name: str
    memory_bytes: int | None
    first_ns: int
    last_ns: int


@dataclass(slots=True)
class _Processes:
    """Separates our processes (this one and its descendants) from others; the system is queried once for each."""

    ours: dict[int, bool | None] = field(default_factory=dict)
    foreign: dict[int, _Seen] = field(default_factory=dict)
    most_unresolved: int = 0

    def take(self, now_ns: int, found: dict[int, int | None]) -> frozenset[int]:
        """Record the processes on the device now, and return the foreign ones."""
        for pid, memory in found.items():
            if self._belongs(pid) is False:
                known = self.foreign.setdefault(pid, _Seen(_name(pid), memory, now_ns, now_ns))
                known.last_ns = now_ns
                known.memory_bytes = max(known.memory_bytes or 0, memory) if memory is not None else known.memory_bytes
        unresolved = sum(self._belongs(pid) is None for pid in found)
        self.most_unresolved = max(self.most_unresolved, unresolved)
        return frozenset(pid for pid in found if self._belongs(pid) is False)

    def _belongs(self, pid: int) -> bool | None:
        """Return None for a number without a process: it belongs to another pid namespace, or just ended."""
        if pid not in self.ours:
            try:
                family = {pid, *(parent.pid for parent in psutil.Process(pid).parents())}
            except psutil.NoSuchProcess:
                self.ours[pid] = None
            except psutil.AccessDenied:
                self.ours[pid] = False
            else:
                self.ours[pid] = os.getpid() in family
        return self.ours[pid]


class TelemetryStream:
    """Samples a monitor on request."""

    def __init__(self, monitor: Monitor, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.monitor = monitor
        self.states: list[State] = []
        self.lost = ""
        self._clock = clock
        self._processes = _Processes()
        self._slow: Row = {}
        self._foreign: frozenset[int] = frozenset()

    def sample(self) -> None:
        """Look once."""
        if self.lost:
            return
        slow = len(self.states) % SLOW_EVERY == 0
        try:
            row = self.monitor.look(slow=slow)
            if row is None:
                return
            now = self._clock() if self.monitor.read_at_ns is None else self.monitor.read_at_ns
            if slow:
                self._slow = {column: row[column] for column in self.monitor.slow_columns if column in row}
                self._foreign = self._processes.take(now, self.monitor.processes())
        except MeterLostError as error:
            self.lost = str(error)
            return
        events = row.get("clock_event_reasons")
        throttled = None if events is None else bool(int(events) & self.monitor.throttle_events)
        self.states.append(State(now, {**self._slow, **row}, self._foreign, throttled))

    def telemetry(self) -> Telemetry:
        """Return the samples, at most :data:`MOST_KEPT` rows."""
        stride = max(1, -(-len(self.states) // MOST_KEPT))
        kept = self.states[::stride]
        every = (*self.monitor.columns, *self.monitor.slow_columns)
        columns = [name for name in every if name not in self.monitor.unread]
        unread = {**self.monitor.unread, **({"end of the run": self.lost} if self.lost else {})}
        return Telemetry(
            version=VERSION,
            source=self.monitor.name,
            device=dict(self.monitor.device),
            samples_taken=len(self.states),
            at_ns=tuple(state.at_ns for state in kept),
            columns={name: tuple(state.row.get(name) for state in kept) for name in columns},
            extremes={name: found for name in columns if (found := self._extremes(name)) is not None},
            processes=tuple(
                DeviceProcess(pid, seen.name, seen.memory_bytes, seen.first_ns, seen.last_ns)
                for pid, seen in sorted(self._processes.foreign.items())
            ),
            unresolved_processes=self._processes.most_unresolved,
            clock_events=self._clock_events(),
            unread=unread,
            polling=self.monitor.polling,
            power_scope=self.monitor.power_scope,
            caveat=self.monitor.caveat,
        )

    def _clock_events(self) -> dict[str, float]:
        masks = [int(mask) for state in self.states if (mask := state.row.get("clock_event_reasons")) is not None]
        shares = {
            name: sum(bool(mask & bit) for mask in masks) / len(masks)
            for bit, name in self.monitor.clock_event_names.items()
            if masks
        }
        return {name: share for name, share in shares.items() if share}

    def _extremes(self, column: str) -> tuple[float, float] | None:
        values = [value for state in self.states if (value := state.row.get(column)) is not None]
        return (min(values), max(values)) if values else None


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""
