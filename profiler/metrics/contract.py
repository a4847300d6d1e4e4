"""What a metric is, and what it is computed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from backends.contract.workload import Workload
from backends.qwen.images import Image
from backends.qwen.model import ModelSpec
from profiler.records.ceilings import Ceilings, CeilingSample, ceiling_beside
from profiler.records.index import WorkloadRecord
from profiler.records.quantity import Grade, Quantity
from profiler.records.target import Measured, Repetition
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Context:
    """What a figure needs to know beside the measurement: the model, the prompt, the precision and the hardware."""

    spec: ModelSpec
    prompt_tokens: int
    precision: str
    ceilings: Ceilings | None = None
    accelerator: str | None = None
    """None for a target on the host's processor."""
    image: Image | None = None
    thinking_tokens: int = 0
    turns: int = 1

    @classmethod
    def of(
        cls, spec: ModelSpec, work: Workload | WorkloadRecord, precision: str, ceilings: Ceilings | None,
        accelerator: str | None,
    ) -> Context:  # fmt: skip
        """Return the context of a target that ran ``work``."""
        turns = 1 + len(work.conversation.later_ids) if work.conversation else 1
        return cls(spec, work.prompt_tokens, precision, ceilings, accelerator, work.image, work.thinking_tokens, turns)

    def has(self, metric: Metric) -> bool:
        """Return whether the workload holds what ``metric`` is about."""
        held = {"": True, "image": self.image is not None, "thought": self.thinking_tokens > 0, "turns": self.turns > 1}
        return held[metric.about]

    @property
    def image_flops(self) -> int:
        """Operations of the vision tower for one prompt's picture."""
        return self.spec.image_flops(self.image.height, self.image.width) if self.image else 0


class Metric(ABC):
    """One figure of a target."""

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    definition: ClassVar[str]
    column: ClassVar[Literal["always", "where known", "details"]] = "always"
    """Whether tables have a column for it: always, where at least one target has a value, or never (the details of a
    target show it, and every file has it)."""

    about: ClassVar[Literal["", "image", "thought", "turns"]] = ""
    """What a workload must hold for the figure to mean anything; a record of another workload leaves it out."""

    @abstractmethod
    def compute(self, measured: Measured, context: Context) -> Quantity:
        """Return the figure, or unavailable with the reason."""

    def instrument(self, measured: Measured) -> str:
        """Return what read the figure where several instruments could; figures of different ones do not compare."""
        return ""

    def _median(self, samples: Sequence[float], grade: Grade, method: str) -> Quantity:
        return Quantity(median(samples), self.unit, grade, method, len(samples), median_ci95(samples))


def ceiling_of(samples: Sequence[CeilingSample], repetition: Repetition) -> float | None:
    """Return the ceiling measured right before and after a repetition; None if none was."""
    return ceiling_beside(samples, repetition.start_ns, repetition.start_ns + repetition.token_ns[-1])
