"""What a worker is told, one JSON object on standard input, and what it answers, JSON lines on standard output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from backends.contract.workload import Workload
from backends.qwen.model import Model

Task = Literal["prepare", "reference", "measure", "examine"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One task for one worker process.

    ``reference_path`` is the ``.npz`` that the reference task writes and the measure task scores against.
    ``precision_wanted`` is the relative half-width of the 95 % interval of the median at which repetition stops;
    ``budget_s`` ends it earlier. ``scored_positions`` are the output positions that parity looks at.
    ``energy_window_s`` is how long a stretch of work must be for the parent's meter; None where there is no meter.
    """

    task: Task
    backend: str
    device: str
    precision: str
    model: Model
    workload: Workload
    threads: int
    budget_s: float
    precision_wanted: float = 0.02
    reference_path: str | None = None
    scored_positions: tuple[int, ...] = ()
    energy_window_s: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Progress of a worker: its stage, a short text, and the time the stage still needs where that can be told."""

    stage: str
    text: str = ""
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a worker's standard output: an event, a pause, its one result, or why there is none.

    After ``pause`` or ``edge`` the worker waits for a newline on standard input: the parent measures the machine
    meanwhile, or only reads its meters.
    """

    event: Event | None = None
    pause: bool = False
    edge: bool = False
    result: dict[str, Any] | None = None
    error: str | None = None
    error_kind: Literal["input", "unavailable", "failed"] | None = None


def told(error: Exception) -> str:
    """An engine's own error in one line; the rest of what it says belongs in a log."""
    first = next(iter(str(error).strip().splitlines()), "")
    advice = "; use a smaller model, batch or prompt" if type(error).__name__ == "OutOfMemoryError" else ""
    return f"{type(error).__name__}: {first}{advice}"
