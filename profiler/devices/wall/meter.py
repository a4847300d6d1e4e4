"""Collects a wall meter's readings in a separate thread, and returns them as one energy reading after the run.

Nothing waits for the meter while the worker runs. Only all readings together reveal the meter's clock, so they are
converted to ours at the end (:mod:`profiler.devices.wall.clock`), and audited like those of any meter. The counter is
used if it moves with nearly every reading, or if there is no power; else power is integrated, since the
counters of most plugs move only every few seconds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from backends.common.errors import InputError
from profiler.devices.meter import Look, Meter, MeterLostError, MeterProbe
from profiler.devices.metering.counter import Counter
from profiler.devices.metering.faults import CLOCK_STEPPED, POWER_GAP_PERIODS
from profiler.devices.metering.stream import MeterStream
from profiler.devices.wall.clock import Placed, Receipt, reconcile
from profiler.devices.wall.csv_file import CsvTail
from profiler.devices.wall.http import HttpMeter
from profiler.devices.wall.source import WallError, WallSource
from profiler.records.quantity import Grade
from profiler.records.readings import EnergyReading
from profiler.statistics.medians import median

NAME = "wall"
SCOPE = "wall"
MOST_POWER_W = 100_000.0

FIRST_READINGS = 3
PATIENCE_S = 15.0
"""How long to wait for the first readings, which reveal the period."""

TROUBLE_S = 5.0
"""Give up on a meter after this time without a reading but with errors."""

SETTLE_S = 5.0
"""Longest wait after the run for a reading past its end, unless three periods are longer."""

COUNTS_PERIODS = 1.5
"""A counter that changes at least once in this many readings is fine enough."""

PROBE_S = 3.0


def public_name(text: str) -> str:
    """Return ``text`` without a file's folder, or an address's credentials and query, which stay on this machine."""
    return HttpMeter(text).name if _is_address(text) else Path(text).name


def check_wall_meter(text: str) -> str:
    """Return ``text`` if it names a file with the right columns or an address.

    Raises:
        InputError: If it is neither; an address is not queried.
    """
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme and scheme not in ("http", "https"):
        raise InputError(f"--wall-meter takes a CSV file or an http address, not {scheme}://")
    try:
        if _is_address(text) and not urlsplit(text).hostname:
            raise InputError(f"--wall-meter {text} names no host")
        _source(text)
    except (WallError, ValueError) as error:
        raise InputError(f"--wall-meter: {error}") from error
    return text


def probe_wall_meter(text: str) -> MeterProbe:
    """Return whether the meter that ``text`` names delivers a reading within seconds."""
    if not text:
        return MeterProbe(
            False,
            "no meter at the wall socket is named",
            "chipassay profile --wall-meter FILE.csv or http://METER/..., or set CHIPASSAY_WALL_METER",
        )
    try:
        source = _source(check_wall_meter(text))
        rows = list(source.recent())
        end = time.monotonic() + PROBE_S
        while not rows and time.monotonic() < end:
            rows = list(source.read()) or rows
            time.sleep(0 if rows else source.poll_s)
    except (InputError, WallError) as error:
        return MeterProbe(False, str(error), "see chipassay profile --help for the supported forms")
    if not rows:
        return MeterProbe(False, f"{source.name} has no reading", "start the logger")
    grade: Grade = "measured" if all(row.power_w is None for row in rows) else "derived"
    return MeterProbe(True, scope=SCOPE, grade=grade)


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _source(text: str) -> WallSource:
    return HttpMeter(text) if _is_address(text) else CsvTail(Path(text))


class Wall:
    """One wall meter, read by its own thread from :meth:`open` until :meth:`settle` or :meth:`close`."""

    sample_interval_s = max_interval_s = math.inf

    @classmethod
    def open(cls, text: str) -> Wall:
        """Start reading, and wait for the first readings.

        Raises:
            MeterLostError: If none arrive, with the reason.
        """
        try:
            wall = cls(_source(text))
        except WallError as error:
            raise MeterLostError(str(error)) from error
        for patience_s in (TROUBLE_S, PATIENCE_S - TROUBLE_S):
            if wall._begun.wait(patience_s) or (wall._trouble and not wall._receipts):
                break
        if not wall._receipts:
            wall.close()
            raise MeterLostError(wall._trouble or f"{wall.source.name} reported nothing new for {PATIENCE_S:g} s")
        return wall

    def __init__(self, source: WallSource) -> None:
        self.source = source
        self.device: dict[str, str] = {}
        self.cpu_s = 0.0
        self._receipts: list[Receipt] = []
        self._trouble = ""
        self._begun = threading.Event()
        self._stop = threading.Event()
        self._ended_ns = 0
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while not self._stop.is_set():
            sent_ns = time.perf_counter_ns()
            try:
                rows = self.source.read()
            except WallError as error:
                self._trouble = str(error)
                rows = ()
            received_ns = time.perf_counter_ns()
            self._receipts += [Receipt(row, sent_ns, received_ns, row is rows[-1]) for row in rows]
            if rows:
                self._trouble = ""
            if len(self._receipts) >= FIRST_READINGS:
                self._begun.set()
            self.cpu_s = time.thread_time()
            self._stop.wait(self.source.poll_s)

    @property
    def reads(self) -> int:
        """The number of readings so far."""
        return len(self._receipts)

    @property
    def period_s(self) -> float:
        """The usual time between two readings, by the meter's clock if it reports one."""
        receipts = tuple(self._receipts)
        own = [row.at_s for row in (*self.source.recent(), *(r.row for r in receipts)) if row.at_s is not None]
        times = own if len(own) > 1 else [receipt.received_ns / 1e9 for receipt in receipts]
        gaps = [later - before for before, later in pairwise(times) if later > before]
        return max(median(gaps) if gaps else PATIENCE_S, self.source.slowest_refresh_s)

    def find_update_period(self) -> None:
        """Do nothing: the readings themselves tell their period."""

    def sample(self) -> None:
        """Do nothing: the thread collects the readings."""

    def settle(self) -> None:
        """Wait briefly for a reading past this moment, which brackets the last window, and stop reading."""
        now_ns = time.perf_counter_ns()
        end = time.monotonic() + max(SETTLE_S, POWER_GAP_PERIODS * self.period_s)
        while time.monotonic() < end and not self._reaches(now_ns):
            time.sleep(self.source.poll_s)
        self.close()

    def _reaches(self, moment_ns: int) -> bool:
        readings = reconcile(tuple(self._receipts), self.period_s, self.source.poll_s).readings
        return bool(readings) and readings[-1].at_ns > moment_ns

    def close(self) -> None:
        """Stop reading. A hanging request is abandoned: its thread blocks nothing."""
        if not self._stop.is_set():
            self._ended_ns = time.perf_counter_ns()
            self._stop.set()
        self._thread.join(self.source.poll_s)

    def reading(
        self, idle_before_ns: tuple[int, int], idle_after_ns: tuple[int, int], edges_ns: Iterable[int]
    ) -> EnergyReading:
        """Return all readings on our clock, with their faults."""
        period_s = self.period_s
        found = reconcile(tuple(self._receipts), period_s, self.source.poll_s)
        lost = ""
        if not found.readings or self._ended_ns - found.readings[-1].at_ns > POWER_GAP_PERIODS * period_s * 1e9:
            lost = self._trouble or f"{self.source.name} reported nothing new"
        replay = _Replay(found.readings, period_s, lost, self._ended_ns)
        replay.device = {"source": self.source.name}
        if found.difference_ns is not None:
            ahead_s = (time.perf_counter_ns() - found.difference_ns - time.time_ns()) / 1e9
            replay.device["clock"] = f"{ahead_s:+.2f} s from ours, known to {found.uncertainty_s:.2g} s"
        stream = MeterStream(replay, replay.clock)
        stream.update_period_s = replay.step_s
        for _ in range(len(found.readings) + bool(lost)):
            stream.sample()
        return replace(stream.reading(idle_before_ns, idle_after_ns, edges_ns), clock_uncertainty_s=found.uncertainty_s)


class _Replay(Meter):
    """Replays the readings, one a look, with a clock that shows when each was made."""

    name = NAME
    covers = "the whole machine, at the wall socket"
    scope = SCOPE
    max_power_w = MOST_POWER_W

    def __init__(self, readings: Sequence[Placed], period_s: float, lost: str, ended_ns: int) -> None:
        super().__init__()
        self._readings, self._lost, self._ended_ns = readings, lost, ended_ns
        self._next = 0
        counted_j = [reading.row.energy_j for reading in readings]
        changes = [b.at_ns for a, b in pairwise(readings) if a.row.energy_j != b.row.energy_j]
        has_power = any(reading.row.power_w is not None for reading in readings)
        steps_s = [(b - a) / 1e9 for a, b in pairwise(changes)]
        if not steps_s and readings:
            steps_s = [(readings[-1].at_ns - readings[0].at_ns) / 1e9]
        self.step_s = max([period_s, *([median(steps_s)] if steps_s else [])])
        self._counts = None not in counted_j and (not has_power or self.step_s <= COUNTS_PERIODS * period_s)
        self.grade = "measured" if self._counts else "derived"
        self.power_source = "power reported by the meter" if has_power else ""
        self.power_period_s = period_s
        self.max_interval_s = max(1.0, POWER_GAP_PERIODS * period_s)
        if not self._counts:
            self.step_s = period_s
        self._counter: Counter | None = None

    @classmethod
    def probe(cls, accelerator: str | None, environment: Mapping[str, str]) -> MeterProbe:
        """Fail: a replay is made of readings, not found."""
        raise NotImplementedError

    @classmethod
    def open(cls, accelerator: str | None, environment: Mapping[str, str]) -> Meter:
        """Fail: a replay is made of readings, not found."""
        raise NotImplementedError

    def clock(self) -> int:
        """Return when the latest reading was made."""
        return self._readings[self._next - 1].at_ns if self._next <= len(self._readings) else self._ended_ns

    def look(self) -> Look:
        """Return the next reading."""
        self._next += 1
        if self._next > len(self._readings):
            raise MeterLostError(self._lost)
        reading = self._readings[self._next - 1]
        fault, energy_j = "", None
        if self._counts and reading.row.energy_j is not None:
            millijoules = round(reading.row.energy_j * 1000)
            if self._counter is None:
                self._counter = Counter(millijoules, ())
            fault = self._counter.advance(millijoules)
            energy_j = self._counter.total / 1000
        return Look(energy_j, reading.row.power_w, CLOCK_STEPPED if reading.stepped else fault)
