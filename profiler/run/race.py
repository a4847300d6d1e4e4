"""Workers on one host that take turns, so that what the machine does to one it does to the other.

A shared machine's bandwidth swings by a factor of two within seconds. Targets that run one after the other meet
different machines. Here every worker stays loaded and stands still until its turn comes: repetitions go round in
rounds, then short segments of decoding do, and a ratio is taken between neighbours. The order is reversed from round to
round, so that a drift favours nobody.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Literal

from backends.common.errors import WorkerError

CAN_STOP = sys.platform == "linux"
"""Whether a process that stands still can be stopped: only where it also dies with its parent."""

Kind = Literal["alone", "repetition", "segment"]
"""Why a worker waits: to load, warm up or fill an energy window alone; for a repetition; for a segment."""


class Race:
    """Hands the machine to one of several workers at a time; each is driven by a thread of the parent.

    Who waits for work alone goes first. Segments begin when every worker is ready for them, and end together after
    ``seconds`` at the end of a round, so that all have the same ones.
    """

    def __init__(self, names: Sequence[str], seconds: float) -> None:
        self._changed = threading.Condition()
        self._order = list(names)
        self._waiting: dict[str, Kind] = dict.fromkeys(names, "alone")
        self._round: list[str] = []
        self._reverse = False
        self._seconds = seconds
        self._ends: float | None = None
        self._over = self._stopped = False
        self._running: str | None = None
        with self._changed:
            self._choose()

    def lanes(self) -> dict[str, Lane]:
        """Return the place of each worker."""
        return {name: Lane(self, name) for name in self._order}

    def turn(self, name: str, kind: Kind) -> bool:
        """Give the machine up and wait until it is this worker's again; False once no more segments are run."""
        with self._changed:
            if self._running == name:
                self._running = None
            self._waiting[name] = kind
            self._choose()
            self._wait(name, until_over=kind == "segment")
            if self._running == name:
                return True
            del self._waiting[name]
            return False

    def begin(self, name: str) -> None:
        """Wait for the first turn of a worker: to be started and loaded, alone."""
        with self._changed:
            self._wait(name)

    def stop(self) -> None:
        """End the race: nobody gets another turn."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _wait(self, name: str, *, until_over: bool = False) -> None:
        self._changed.wait_for(lambda: self._stopped or self._running == name or (until_over and self._over))
        if self._stopped:
            raise WorkerError("the run was stopped")

    def leave(self, name: str) -> None:
        """Take a worker out that has finished or failed; the others go on."""
        with self._changed:
            self._order = [one for one in self._order if one != name]
            self._round = [one for one in self._round if one != name]
            self._waiting.pop(name, None)
            if self._running == name:
                self._running = None
            self._choose()

    def _choose(self) -> None:
        """Hand the machine to the next one if nobody has it."""
        if self._running is None:
            chosen = self._alone() or self._of_round("repetition") or self._segment()
            if chosen is not None:
                self._running = chosen
                del self._waiting[chosen]
        self._changed.notify_all()

    def _alone(self) -> str | None:
        return next((name for name in self._order if self._waiting.get(name) == "alone"), None)

    def _ready(self, kind: Kind) -> list[str]:
        """Return those of the present round that have not had their turn."""
        return [name for name in self._round if self._waiting.get(name) == kind]

    def _of_round(self, kind: Kind) -> str | None:
        """Return the next worker of the round that waits for ``kind``; a new round goes in the other order."""
        ready = self._ready(kind)
        if not ready:
            ready = [name for name in self._order if self._waiting.get(name) == kind]
            if self._reverse:
                ready.reverse()
            self._reverse = bool(ready) != self._reverse
        if not ready:
            return None
        self._round = ready[1:]
        return ready[0]

    def _segment(self) -> str | None:
        if not self._order or any(self._waiting.get(name) != "segment" for name in self._order):
            return None
        if self._ends is None:
            self._ends = time.monotonic() + self._seconds
            self._round = []
        if not self._ready("segment") and time.monotonic() >= self._ends:
            self._over = True
            return None
        return self._of_round("segment")


class Lane:
    """One worker's place in a race: while it waits, its processes stand still, engine threads that spin included."""

    def __init__(self, race: Race, name: str) -> None:
        self._race, self._name = race, name
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Wait for the first turn."""
        self._race.begin(self._name)

    def turn(self, kind: Kind) -> bool:
        """Stand still until the next turn; False once no more segments are run."""
        with self._still():
            return self._race.turn(self._name, kind)

    def leave(self) -> None:
        """Let the others go on without this one."""
        self._race.leave(self._name)

    def end(self) -> None:
        """End the worker: its thread finds it gone."""
        self._signal(signal.SIGKILL)

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and (CAN_STOP or number == signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


class NoRace:
    """Stands in for the lane of a worker that runs alone: every turn is its own, and there are no segments."""

    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Go on at once."""

    def turn(self, kind: Kind) -> bool:
        """Go on at once; with segments there is nobody to take turns with."""
        return kind != "segment"

    def leave(self) -> None:
        """Leave nobody."""

    def end(self) -> None:
        """End nothing."""


AnyLane = Lane | NoRace
