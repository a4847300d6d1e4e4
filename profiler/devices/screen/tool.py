"""Vendor tools: what to ask them, and asking all of them at once within one time limit.

Only tools found on PATH are started. Each runs in a session of its own, in an empty scratch folder (some write files
beside them), with its output going to a file, and is killed with all its children when the time is up.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiler.devices.screen.card import Card
from profiler.records.host import Component

LIMIT_S = 1.5
"""Time for all vendor tools together, follow-up questions included."""

MAX_OUTPUT_BYTES = 1 << 20

Answers = Mapping[str, str]
"""Arguments, joined by blanks, to what the tool printed."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A vendor's program: ``questions`` are argument lists; ``cards`` never raises and gives nothing for garbage.

    ``follow_up`` derives further questions from the first answers; ``pci_vendor`` is the id of the devices described.
    ``device_types`` are PyTorch's words for them, and ``visible`` the environment variables that renumber them.
    ``watched`` are the questions that tell their state, the best first: the first that does so is asked over and over,
    together with what ``numbered_by`` told once of their numbers. ``also_of`` are other makers whose devices it reads.
    ``shared_name``: another maker ships a program of that name, which is nothing to complain about.
    """

    name: str
    pci_vendor: str
    questions: tuple[str, ...]
    cards: Callable[[Answers], tuple[Card, ...]]
    follow_up: Callable[[Answers], tuple[str, ...]] | None = None
    device_types: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    watched: tuple[str, ...] = ("",)
    numbered_by: tuple[str, ...] = ()
    also_of: tuple[str, ...] = ()
    shared_name: bool = False

    def parse(self, answers: Answers) -> tuple[Component, ...]:
        """What the devices are, without their state."""
        return tuple(card.component for card in self.cards(answers))


@dataclass(frozen=True, slots=True)
class Heard:
    """What one tool answered, and question -> why there is no answer."""

    tool: Tool
    answers: dict[str, str]
    failures: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Running:
    question: str
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path


class Enquiry:
    """Questions under way; :meth:`finish` waits for the answers and kills what is late."""

    def __init__(self, tools: Sequence[Tool], limit_s: float = LIMIT_S) -> None:
        self._deadline = time.monotonic() + limit_s
        self._limit_s = limit_s
        found = {tool.name: path for tool in tools if (path := shutil.which(tool.name))}
        self._tools = [tool for tool in tools if tool.name in found]
        self._paths = found
        self._scratch = Path(tempfile.mkdtemp(prefix="chipassay-inspect-")) if found else None
        self._failures: dict[str, dict[str, str]] = {name: {} for name in found}
        self._running = {tool.name: self._ask(tool, tool.questions) for tool in self._tools}

    def finish(self) -> list[Heard]:
        """Every tool's answers, follow-up questions asked in the time that is left."""
        try:
            answers = {tool.name: self._hear(tool, self._running[tool.name]) for tool in self._tools}
            later = {
                tool.name: self._ask(tool, tool.follow_up(answers[tool.name])) for tool in self._tools if tool.follow_up
            }
            for tool in self._tools:
                answers[tool.name].update(self._hear(tool, later.get(tool.name, [])))
            return [Heard(tool, answers[tool.name], self._failures[tool.name]) for tool in self._tools]
        finally:
            if self._scratch:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def _ask(self, tool: Tool, questions: Iterable[str]) -> list[_Running]:
        assert self._scratch is not None
        started = []
        for question in questions:
            number = len(list(self._scratch.iterdir()))
            output, errors = self._scratch / f"{number}.out", self._scratch / f"{number}.err"
            try:
                with output.open("wb") as out, errors.open("wb") as err:
                    process = subprocess.Popen(
                        [self._paths[tool.name], *question.split()],
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=err,
                        cwd=self._scratch,
                        env={**os.environ, "LC_ALL": "C"},
                        start_new_session=True,
                    )
            except OSError as error:
                self._failures[tool.name][question] = f"cannot be started: {error.strerror or error}"
                continue
            started.append(_Running(question, process, output, errors))
        return started

    def _hear(self, tool: Tool, running: list[_Running]) -> dict[str, str]:
        answers = {}
        for one in running:
            try:
                code = one.process.wait(max(0.0, self._deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(one.process)
                self._failures[tool.name][one.question] = f"no answer within {self._limit_s:g} s"
                continue
            text = _text(one.output)
            if code == 0 or text.strip():
                answers[one.question] = text
            if code != 0:
                last = (_text(one.errors).strip() or text.strip()).splitlines()[-1:] or [""]
                said = f": {last[0].strip()[:120]}" if last[0].strip() else ""
                self._failures[tool.name][one.question] = f"exit status {code}{said}"
        return answers


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children: they share the session it began."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _text(path: Path) -> str:
    with path.open("rb") as handle:
        return handle.read(MAX_OUTPUT_BYTES).decode("utf-8", "replace")
