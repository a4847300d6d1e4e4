"""What the user sees on standard error while a run goes on: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from profiler.run.plan import Event

PLAIN_INTERVAL_S = 5.0
"""Without a terminal, at most one line of the same stage in this time."""


class Progress:
    """Shows stage, detail and time left; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = Status("", console=console) if console.is_terminal else None
        self._subject = ""
        self._stage = ""
        self._printed_s = 0.0

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._status:
            self._status.stop()

    def begin(self, subject: str, stage: str) -> None:
        """Begin a new part of the run: a target, or something all targets need."""
        self._subject = subject
        self._stage = ""
        self.event(Event(stage))

    def event(self, event: Event, subject: str = "") -> None:
        """Show one event of a worker; ``subject`` is its target where several take turns."""
        if subject and subject != self._subject:
            self._subject, self._stage = subject, ""
        left = f", about {_duration(event.left_s)} left" if event.left_s else ""
        text = f"{event.stage}: {event.text}{left}" if event.text else event.stage
        if self._status:
            self._status.update(f"[bold]{escape(self._subject)}[/bold]  {escape(text)}")
            return
        now = time.monotonic()
        if event.stage != self._stage or now - self._printed_s >= PLAIN_INTERVAL_S:
            self._printed_s = now
            self._line(f"{self._subject}  {text}")
        self._stage = event.stage

    def done(self, text: str, subject: str = "") -> None:
        """Print a lasting line: something finished."""
        self._line(f"{subject or self._subject}  {text}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
