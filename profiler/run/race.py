"""Workers on one host that take turns, so that what the machine does to one it does to the other.

A shared machine's bandwidth swings by a factor of two within seconds. Targets that run one after the other meet
different machines. Here every worker stays loaded and stands still until its turn comes: repetitions go round in
rounds, then short segments of decoding do, and a ratio is taken between neighbours. The order is reversed from round to
round, so that a drift favours nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Literal

Kind = Literal["alone", "repetition", "segment"]
"""Why a worker waits: to load, warm up or fill an energy window alone; for a repetition; for a segment."""


class Race:
    """Hands the machine to one of several workers at a time; each lives in a thread of the parent.

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
        self._over = False
        self._running: str | None = None
        self._next()

    @property
    def live(self) -> tuple[str, ...]:
        """The workers that have not left."""
        return tuple(self._order)

    def turn(self, name: str, kind: Kind) -> bool:
        """Give the machine up and wait until it is this worker's again; False once no more segments are run."""
        with self._changed:
            self._waiting[name] = kind
            if self._running == name:
                self._running = None
                self._next()
            self._changed.wait_for(lambda: self._running == name or (kind == "segment" and self._over))
            if self._running == name:
                return True
            del self._waiting[name]
            return False

    def start(self, name: str) -> None:
        """Wait for the first turn of a worker: to be started and loaded, alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == name)

    def leave(self, name: str) -> None:
        """Take a worker out that has finished or failed; the others go on."""
        with self._changed:
            if name not in self._order:
                return
            self._order.remove(name)
            self._waiting.pop(name, None)
            self._round = [one for one in self._round if one != name]
            if self._running == name:
                self._running = None
            if self._running is None:
                self._next()

    def _next(self) -> None:
        """Choose who runs next; call with nobody running."""
        chosen = self._alone() or self._of_round("repetition") or self._segment()
        if chosen is not None:
            self._waiting.pop(chosen, None)
            self._running = chosen
        self._changed.notify_all() if self._changed._is_owned() else None  # type: ignore[attr-defined]

    def _alone(self) -> str | None:
        return next((name for name in self._order if self._waiting.get(name) == "alone"), None)

    def _of_round(self, kind: Kind) -> str | None:
        """Return the next worker of the round that waits for ``kind``; a new round begins in the other order."""
        ready = [name for name in self._round if self._waiting.get(name) == kind]
        if not ready:
            ready = [name for name in self._order if self._waiting.get(name) == kind]
            if self._reverse:
                ready.reverse()
            self._reverse = not self._reverse
        self._round = ready[1:]
        return ready[0] if ready else None

    def _segment(self) -> str | None:
        if any(self._waiting.get(name) != "segment" for name in self._order):
            return None
        if self._ends is None:
            self._ends = time.monotonic() + self._seconds
        begins_round = not [name for name in self._round if self._waiting.get(name) == "segment"]
        if begins_round and time.monotonic() >= self._ends:
            self._over = True
            return None
        return self._of_round("segment")
