"""Vendor tools: what to ask them, and how to ask all of them at once within one time limit. Only tools on PATH run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from profiler.devices.bus.makers import Maker
from profiler.devices.screen.card import Card
from profiler.devices.screen.program import Call, call
from profiler.records.host import Component

LIMIT_S = 1.5
"""Time for all vendor tools together, follow-up questions included."""

MOST_QUESTIONS = 64
"""Programs that run at once."""

Answers = Mapping[str, str]
"""Arguments, joined by blanks, to the tool's output."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A maker's program: ``questions`` are argument lists; ``cards`` never raises, and returns nothing for garbage.

    ``follow_up`` derives further questions from the first answers. ``device_types`` are PyTorch's words for the
    devices, and ``visible`` the environment variables that renumber them. ``watched`` are the questions that report
    their state, best first: a monitor repeats the first that works, and asks ``numbered_by`` once for the devices'
    numbers. ``also_of`` are other makers whose devices the program reads. ``shared_name``: another maker ships an
    unrelated program of that name.
    """

    name: str
    maker: Maker
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
        """Return the devices without their state."""
        return tuple(card.component for card in self.cards(answers))


@dataclass(frozen=True, slots=True)
class Heard:
    """What one tool answered, and why a question has no answer."""

    tool: Tool
    answers: dict[str, str]
    failures: dict[str, str]


Asked = dict[str, Future[Call]]
"""Question to its call under way."""


class Enquiry:
    """Questions under way, each in its own thread; :meth:`finish` waits for the answers and kills late programs."""

    def __init__(self, tools: Sequence[Tool], limit_s: float = LIMIT_S) -> None:
        self._deadline = time.monotonic() + limit_s
        self._threads = ThreadPoolExecutor(MOST_QUESTIONS)
        self._tools = [tool for tool in tools if shutil.which(tool.name)]
        self._first = [self._ask(tool, tool.questions) for tool in self._tools]

    def finish(self) -> list[Heard]:
        """Return every tool's answers, follow-up questions asked in the remaining time."""
        all_heard = [_hear(Heard(tool, {}, {}), asked) for tool, asked in zip(self._tools, self._first, strict=True)]
        later = [
            (heard, self._ask(heard.tool, heard.tool.follow_up(heard.answers)))
            for heard in all_heard
            if heard.tool.follow_up
        ]
        for heard, asked in later:
            _hear(heard, asked)
        self._threads.shutdown()
        return all_heard

    def _ask(self, tool: Tool, questions: Iterable[str]) -> Asked:
        left_s = max(0.0, self._deadline - time.monotonic())
        return {
            question: self._threads.submit(call, [tool.name, *question.split()], left_s, merge_errors=False)
            for question in questions
        }


def _hear(heard: Heard, asked: Asked) -> Heard:
    """Add the answers of ``asked``; the output of a failing tool counts as an answer too."""
    for question, future in asked.items():
        answer = future.result()
        if not answer.failure or answer.text.strip():
            heard.answers[question] = answer.text
        if answer.failure:
            heard.failures[question] = answer.failure
    return heard
