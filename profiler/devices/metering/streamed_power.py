"""Power from a tool that keeps printing it line by line: started once, read by a separate thread.

Starting a vendor's tool for every sample would cost more than the sample is worth, and a look must never wait. The
tool prints to a pseudo-terminal, since most tools buffer lines that they print to a pipe.
"""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

from profiler.devices.meter import Look, Meter, MeterLostError
from profiler.records.quantity import Grade

FIRST_READING_S = 10.0


class StreamedPower(Meter):
    """The power that ``command`` prints; ``parse`` returns the watts of a line, or None for any other line."""

    grade: Grade = "derived"

    def __init__(self, command: Sequence[str], parse: Callable[[str], float | None], period_s: float) -> None:
        super().__init__()
        self.power_source = f"{' '.join(command)}, every {period_s:g} s"
        self.power_period_s = period_s
        self._parse = parse
        self._first = threading.Event()
        self._fresh: float | None = None
        self._said = ""
        self._tool = command[0]
        try:
            reader, writer = pty.openpty()
        except OSError as error:
            raise MeterLostError(f"no pseudo-terminal: {error.strerror}") from error
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except OSError as error:
            os.close(reader)
            raise MeterLostError(f"{command[0]} cannot be started: {error.strerror}") from error
        finally:
            os.close(writer)
        self._thread = threading.Thread(target=self._listen, args=(reader,), daemon=True)
        self._thread.start()
        if not self._first.wait(FIRST_READING_S) or self._fresh is None:
            self.close()
            raise MeterLostError(f"{command[0]} reported no power{f': {self._said}' if self._said else ''}")

    def _listen(self, reader: int) -> None:
        # The terminal's end of file is an error (EIO) once the tool is gone.
        with contextlib.suppress(OSError), open(reader, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                watts = self._parse(line)
                if watts is not None:
                    self._fresh = watts
                    self._first.set()
                elif line.strip():
                    self._said = line.strip()[:120]
        self._first.set()

    def look(self) -> Look:
        """Return the newest reading once; None without one since the previous look."""
        fresh, self._fresh = self._fresh, None
        if fresh is None and self._process.poll() is not None:
            raise MeterLostError(f"{self._tool} ended: {self._said}")
        return Look(None, fresh)

    def close(self) -> None:
        """End the tool and its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join(1.0)
