"""Asking a vendor's program over and over, in a thread of its own: a call takes a tenth of a second to two seconds.

The watch must not wait for it, and its cost must be known: each call is timed, and its processor time is that of the
ended process and of its children, as the kernel accounts them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DUTY = 0.1
"""Largest part of the time that may pass in calls: a call may hold up the driver, and with it the work."""

LEAST_PERIOD_S = 1.0
CALL_LIMIT_S = 10.0
MOST_FAILURES = 3
"""After so many failed calls in a row the program is given up."""

MAX_OUTPUT_BYTES = 1 << 20
_PATIENCE_S = (0.002, 0.02)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was printed, or why it failed; ``at_ns`` lies midway through it."""

    text: str
    failure: str
    at_ns: int
    took_s: float
    cpu_s: float


def call(command: Sequence[str], limit_s: float = CALL_LIMIT_S) -> Call:
    """Run ``command`` in an empty folder, in a session of its own; it is killed with its children when late."""
    began_ns = time.perf_counter_ns()
    text, failure, cpu_s = "", "", 0.0
    with tempfile.TemporaryDirectory(prefix="chipassay-monitor-") as folder, tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
                env={**os.environ, "LC_ALL": "C"}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            failure = f"cannot be started: {error.strerror or error}"
        else:
            in_time, cpu_s = _wait(process, limit_s)
            output.seek(0)
            text = output.read(MAX_OUTPUT_BYTES).decode("utf-8", "replace")
            if not in_time:
                failure = f"no answer within {limit_s:g} s"
            elif process.returncode != 0:
                last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
                failure = f"exit status {process.returncode}" + (f": {last[:120]}" if last else "")
    ended_ns = time.perf_counter_ns()
    return Call(text, failure, (began_ns + ended_ns) // 2, (ended_ns - began_ns) / 1e9, cpu_s)


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> tuple[bool, float]:
    """Whether it ended in time, and its processor time in seconds; only ``wait4`` tells that of one child."""
    until, pause_s = time.monotonic() + limit_s, _PATIENCE_S[0]
    in_time = True
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG if in_time else 0)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return in_time, usage.ru_utime + usage.ru_stime
        if time.monotonic() >= until:
            in_time = False
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            continue
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _PATIENCE_S[1])


class Poller:
    """Calls ``ask`` every ``period_s`` until closed; :meth:`take` gives each call once, the newest only."""

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
        """From the beginning of one call to that of the next."""
        return max(LEAST_PERIOD_S, self._took_s / DUTY)

    @property
    def call_s(self) -> float:
        """What a call takes, by a slowly moving mean."""
        return self._took_s

    def take(self) -> Call | None:
        """The newest call, once; None if there is none since."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def _run(self) -> None:
        wait_s = self.period_s - self._took_s
        while not self._stop.wait(max(wait_s, 0.0)):
            began = time.thread_time()
            found = self._ask()
            self._took_s = 0.8 * self._took_s + 0.2 * found.took_s
            self.calls += 1
            self.failed += bool(found.failure)
            self.cpu_s += found.cpu_s + time.thread_time() - began
            self._fresh = found
            wait_s = self.period_s - found.took_s

    def close(self) -> None:
        """Ask no more; a call under way ends within its limit."""
        self._stop.set()
        self._thread.join(CALL_LIMIT_S + 1.0)
