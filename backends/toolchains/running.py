"""Runs a vendor's program to its end, whatever it is: crashes, hangs and rubbish are results here, not exceptions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.common.errors import InputError

KEEPER = Path(__file__).with_name("keeper.py")
NOT_STARTED = 127
"""The status of a program that could not be started, as a shell has it."""

OUTPUT_LIMIT_BYTES = 16_000_000
"""How much of a program's output is handed on; the file keeps all of it."""

RUNAWAY_BYTES = 1_000_000_000
"""A program that prints this much is stopped before it fills the disk."""

DYING_S = 2.0
"""How long to wait for killed processes to be gone; where nothing reaps orphans they stay, as zombies."""

WATCH_S = 0.5
"""How often a running program is looked at."""

_TELLING = re.compile(
    r"error|exception|assert|abort|terminated|fault|failed|fatal|not found|not support|unsupport|cannot|invalid|smash",
    re.IGNORECASE,
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TELLING_LINES = 60
_LINE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ToolRun:
    """How one run of a program ended.

    ``status`` is its exit status, negative for the signal that ended it (as in :mod:`subprocess`). ``output`` is
    standard output and standard error in the order they were written. ``peak_resident_bytes`` is the largest resident
    size any one of its processes had. ``stopped`` is why chipassay ended it; empty if it ended by itself.
    """

    program: str
    status: int
    output: str
    duration_s: float
    peak_resident_bytes: int
    log: Path
    stopped: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.status == 0 and not self.stopped

    def summary(self) -> str:
        """Return in one line how it ended, with the last line of its output that explains it."""
        if self.stopped:
            how = self.stopped
        elif self.status < 0:
            how = f"was ended by {_signal_name(-self.status)}"
        elif self.status > 128:
            how = f"ended with status {self.status} ({_signal_name(self.status - 128)})"
        else:
            how = f"ended with status {self.status}"
        line = telling_line(self.output)
        return f"{self.program} {how}" + (f": {line}" if line else "")


def telling_line(output: str) -> str:
    """Return the last line that mentions an error, or else the last line with text."""
    lines = [line for line in (_ANSI.sub("", line).strip() for line in output.splitlines()) if line]
    recent = lines[-_TELLING_LINES:]
    chosen = next((line for line in reversed(recent) if _TELLING.search(line)), recent[-1] if recent else "")
    chosen = " ".join("".join(c if c.isprintable() else " " for c in chosen).split())
    return chosen if len(chosen) <= _LINE_CHARACTERS else f"{chosen[:_LINE_CHARACTERS]}…"


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    log: Path | None = None,
    watch: Callable[[Path], None] = lambda log: None,
) -> ToolRun:
    """Run ``argv`` in ``cwd``, in a new session, and wait for its end; none of its processes survives.

    Its output goes to ``log``, or to a new file in ``cwd``. ``watch`` is called with that file now and then. A program
    that cannot be started counts as one that ended with status 127.

    Raises:
        InputError: ``cwd`` is no folder.
    """
    if not cwd.is_dir():
        raise InputError(f"{cwd} is no folder to run a tool in; make it first")
    command = [str(part) for part in argv]
    program = _name(command)
    if log is None:
        handle, path = tempfile.mkstemp(prefix=f"{Path(program).stem}-", suffix=".log", dir=cwd)
        os.close(handle)
        log = Path(path)
    report, reported = os.pipe()
    with log.open("wb") as output, os.fdopen(report, "rb") as answer:
        try:
            keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), str(reported)],
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(reported,),
                start_new_session=True,
            )
        finally:
            os.close(reported)
        began = time.perf_counter()
        order = {"command": command, "environment": dict(environment)}
        stopped = _wait(keeper, order, log, timeout_s, watch)
        took_s = time.perf_counter() - began
        answered = answer.read()
    watch(log)
    report_of: dict[str, Any] = json.loads(answered) if answered else {}
    status: int = report_of["status"] if "status" in report_of else keeper.wait()
    if "error" in report_of:
        return ToolRun(program, NOT_STARTED, f"cannot start {command[0]}: {report_of['error']}", took_s, 0, log)
    return ToolRun(
        program,
        status,
        _read(log),
        report_of.get("duration_s", took_s),
        report_of.get("peak_resident_bytes", 0),
        log,
        stopped,
    )


def _wait(
    keeper: subprocess.Popen[bytes],
    order: Mapping[str, object],
    log: Path,
    timeout_s: float,
    watch: Callable[[Path], None],
) -> str:
    """Wait for the end of the program and kill what is left of it; return why it was stopped, if it was."""
    ended = threading.Event()

    def wait() -> None:
        # Leaves it unreaped: its number, and its group's, stay taken until the group has been killed.
        os.waitid(os.P_PID, keeper.pid, os.WEXITED | os.WNOWAIT)
        ended.set()

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    deadline = time.perf_counter() + timeout_s
    assert keeper.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.write(json.dumps(order).encode() + b"\n")
            keeper.stdin.flush()
        while not ended.wait(min(WATCH_S, max(0.0, deadline - time.perf_counter()))):
            watch(log)
            if time.perf_counter() >= deadline:
                return f"gave no result within {timeout_s:g} s and was stopped"
            if log.stat().st_size > RUNAWAY_BYTES:
                return f"printed more than {RUNAWAY_BYTES / 1e9:g} GB and was stopped"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
        waiter.join()
        keeper.wait()
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.close()
        _wait_for_the_dead(keeper.pid)
    return ""


def _wait_for_the_dead(group: int) -> None:
    """A killed process may live for some moments, and write into a folder that is about to be removed."""
    until = time.perf_counter() + DYING_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.perf_counter() < until:
            os.killpg(group, 0)
            time.sleep(0.002)


def _read(log: Path) -> str:
    """Return the output; of a very long one, the beginning and the end, with a line on how much is left out."""
    size = log.stat().st_size
    with log.open("rb") as handle:
        if size <= OUTPUT_LIMIT_BYTES:
            return handle.read().decode(errors="replace")
        half = OUTPUT_LIMIT_BYTES // 2
        first = handle.read(half)
        handle.seek(size - half)
        last = handle.read()
    left_out = f"\n[chipassay leaves out {size - 2 * half} bytes here; {log.name} has all of it]\n"
    return first.decode(errors="replace") + left_out + last.decode(errors="replace")


def _name(command: Sequence[str]) -> str:
    """What to call a command: its script or module where an interpreter runs one."""
    name = Path(command[0]).name
    if not name.startswith("python"):
        return name
    words = iter(command[1:])
    for word in words:
        if word in ("-m", "-c"):
            return next(words, name) if word == "-m" else name
        if not word.startswith("-"):
            return Path(word).name
    return name


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
