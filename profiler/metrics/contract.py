"""What a metric is, and what it is computed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from backends.qwen.model import ModelSpec
from profiler.records.ceilings import Ceilings
from profiler.records.quantity import Grade, Quantity
from profiler.records.target import EnergyReading, PowerModel, Repetition, TargetRecord, Telemetry, WorkerReport
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures of one target are computed from."""

    spec: ModelSpec
    prompt_tokens: int
    precision: str
    worker: WorkerReport
    ceilings: Ceilings | None
    energy: EnergyReading | None
    energy_reason: str
    """Why ``energy`` is None."""
    accelerator: str | None = None
    """None for a target on the host's processor."""
    host_energy: EnergyReading | None = None
    telemetry: Telemetry | None = None
    telemetry_reason: str = ""
    """Why ``telemetry`` is None."""
    power_model: PowerModel | None = None
    """Stands in for a meter, if that was asked for and there is none."""
    second_energy: EnergyReading | None = None
    wall_energy: EnergyReading | None = None
    wall_reason: str = ""

    @classmethod
    def of(cls, record: TargetRecord, spec: ModelSpec, prompt_tokens: int, ceilings: Ceilings | None) -> Evidence:
        """The evidence of a target that ran, for figures that are computed the first time or again."""
        if record.worker is None:
            raise ValueError(f"{record.id} did not run: it has no evidence")
        return cls(
            spec,
            prompt_tokens,
            record.precision,
            record.worker,
            ceilings,
            record.energy,
            record.energy_reason,
            record.accelerator,
            record.host_energy,
            record.telemetry,
            record.telemetry_reason,
            record.power_model,
            record.second_energy,
            record.wall_energy,
            record.wall_reason,
        )

    @property
    def counted(self) -> tuple[Repetition, ...]:
        """Repetitions that are not warm-up."""
        return self.worker.counted


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

    @abstractmethod
    def compute(self, evidence: Evidence) -> Quantity:
        """The figure, or unavailable with the reason."""

    def instrument(self, evidence: Evidence) -> str:
        """What read the figure, where more than one thing can; figures of different instruments do not compare."""
        return ""

    def _median(self, samples: Sequence[float], grade: Grade, method: str) -> Quantity:
        return Quantity(median(samples), self.unit, grade, method, len(samples), median_ci95(samples))
