"""Poll a vendor's program in a thread: one call takes from a tenth of a second to two seconds.

The watch must not wait for it, and its cost must be known: each call is timed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from profiler.devices.screen.program import CALL_LIMIT_S, Call

DUTY = 0.1
"""Largest share of the time spent in calls: a call may block the driver, and with it the work."""

LEAST_PERIOD_S = 1.0
MOST_FAILURES = 3
"""Give the program up after this many failed calls in a row."""


class Poller:
    """Calls ``ask`` every ``period_s`` until closed; :meth:`take` returns the newest call, once."""

    def __init__(self, ask: Callable[[], Call], first: Call) -> None:
        self._ask = ask
        self._took_s = first.took_s
        self._fresh: Call | None = first
        self.calls, self.failed, self.cpu_s = 1, 0, first.cpu_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def period_s(self) -> float:
        """The time from the start of one call to the start of the next."""
        return max(LEAST_PERIOD_S, self._took_s / DUTY)

    @property
    def call_s(self) -> float:
        """The duration of a call, as a slowly moving mean."""
        return self._took_s

    def take(self) -> Call | None:
        """Return the newest call once; None without a new one."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def _run(self) -> None:
        wait_s = self.period_s - self._took_s
        while not self._stop.wait(max(wait_s, 0.0)):
            began = time.thread_time()
            answer = self._ask()
            self._took_s = 0.8 * self._took_s + 0.2 * answer.took_s
            self.calls += 1
            self.failed += bool(answer.failure)
            self.cpu_s += answer.cpu_s + time.thread_time() - began
            self._fresh = answer
            wait_s = self.period_s - answer.took_s

    def close(self) -> None:
        """Stop polling; a call under way ends within its limit."""
        self._stop.set()
        self._thread.join(CALL_LIMIT_S + 1.0)
