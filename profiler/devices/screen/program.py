"""Run a vendor's program once: its output, why it failed, and what the call cost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

CALL_LIMIT_S = 10.0
MAX_OUTPUT_BYTES = 1 << 20
_PATIENCE_S = (0.002, 0.02)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the output, and why it failed (empty if it did not); ``at_ns`` lies midway through it."""

    text: str
    failure: str
    at_ns: int
    took_s: float
    cpu_s: float


def call(command: Sequence[str], limit_s: float = CALL_LIMIT_S, *, merge_errors: bool = True) -> Call:
    """Run ``command`` in an empty folder and its own session; kill it and its children at the time limit.

    ``text`` holds its standard output, and its standard error too with ``merge_errors``; it is empty for a call
    that was killed, whose output may be incomplete.
    """
    began_ns = time.perf_counter_ns()
    text, failure, cpu_s = "", "", 0.0
    with (
        tempfile.TemporaryDirectory(prefix="chipassay-call-") as folder,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if merge_errors else errors,
                cwd=folder,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            failure = f"cannot be started: {error.strerror or error}"
        else:
            in_time, cpu_s = _wait(process, limit_s)
            text = _read(output) if in_time else ""
            if not in_time:
                failure = f"no answer within {limit_s:.2g} s"
            elif process.returncode != 0:
                last = ((_read(errors).strip() or text.strip()).splitlines() or [""])[-1].strip()
                failure = f"exit status {process.returncode}" + (f": {last[:120]}" if last else "")
    ended_ns = time.perf_counter_ns()
    return Call(text, failure, (began_ns + ended_ns) // 2, (ended_ns - began_ns) / 1e9, cpu_s)


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> tuple[bool, float]:
    """Return whether it ended in time, and its processor time in seconds, which only ``wait4`` has for one child."""
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


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MAX_OUTPUT_BYTES).decode("utf-8", "replace")
