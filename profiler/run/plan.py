"""The protocol of a worker: one plan as JSON on standard input, messages as JSON lines on standard output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from backends.contract.workload import Workload
from backends.qwen.model import Model

Task = Literal["prepare", "reference", "held", "measure", "examine"]


HELD = "held_weights"
"""What a preparation calls the key of the weights that the engine will hold, if these can be read back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One task for one worker process.

    ``reference_path`` is the ``.npz`` that the reference task writes and the measure task scores against.
    ``held_path`` is the ``.npz`` with logits by the engine's own dequantised weights, which the held task writes;
    ``hidden_reason`` says why there is none, if it failed. ``precision_wanted`` is the relative half-width of the 95 %
    interval of the median at which repetition stops; ``budget_s`` ends it earlier. ``scored_positions`` are the output
    positions that parity looks at.
    ``keep_bytes`` of float32 weights stay in memory while the reference runs; the others are made for every token.
    ``energy_window_s`` is how long a stretch of work must be for the parent's meter; None where there is no meter. In a
    ``race`` the worker takes turns with others: after its repetitions it runs segments of decoding.
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
    held_path: str | None = None
    hidden_reason: str = ""
    scored_positions: tuple[int, ...] = ()
    energy_window_s: float | None = None
    race: bool = False
    keep_bytes: int = 0


class Event(msgspec.Struct, frozen=True, tag_field="kind", tag="event"):
    """Progress of a worker: its stage, a short text, and the time the stage still needs where that is known."""

    stage: str
    text: str = ""
    left_s: float | None = None


class Pause(msgspec.Struct, frozen=True, tag_field="kind", tag="pause"):
    """The worker waits for a newline on standard input: the parent measures the machine meanwhile."""


class Edge(msgspec.Struct, frozen=True, tag_field="kind", tag="edge"):
    """The worker waits for a newline on standard input: the parent reads its meters meanwhile, which takes less."""


STOP = b"stop"
"""The parent's answer to a :class:`Turn` once no more segments are run."""


class Turn(msgspec.Struct, frozen=True, tag_field="kind", tag="turn"):
    """The worker waits for its turn in a race: for a segment, or to go on alone; ``stop`` ends the segments."""

    what: Literal["segment", "alone"]


class Result(msgspec.Struct, frozen=True, tag_field="kind", tag="result"):
    """The one result of the plan's task."""

    result: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, tag_field="kind", tag="refusal"):
    """Why there is no result; ``error`` is the kind of :class:`ChipassayError` that the parent raises."""

    reason: str
    error: Literal["input", "unavailable", "failed"] = "failed"


Message = Event | Pause | Edge | Turn | Result | Refusal
"""One line of a worker's standard output."""
