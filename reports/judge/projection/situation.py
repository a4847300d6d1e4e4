"""One model at one workload on some devices with one engine: what a published row reports, or a projection asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from backends.common import facts
from profiler.chips import Chip, load_chips
from reports.judge.projection.data import document
from reports.judge.projection.dimensions import Dimensions
from reports.judge.projection.formats import Format, Range
from reports.judge.projection.stacks import Stack

Figure = Literal["prefill", "step", "request", "memory"]
"""``prefill``: seconds from prompt to first token. ``step``: seconds of one decode step. ``request``: seconds of a
whole batch, prefill and all steps. ``memory``: bytes over all devices."""

MEMORY_IN_USE = 0.9
"""Share of the devices' memory that serving engines fill (vLLM's default gpu_memory_utilization)."""


@dataclass(frozen=True, slots=True)
class Device:
    """One counted device; figures are its share of the catalogue's package. None where the catalogue has no figure."""

    chip_id: str
    name: str
    vendor: str
    bandwidth_b_s: float | None
    peak_flops: float | None
    memory_b: float | None
    board_power_w: tuple[float, float] | None = None

    @classmethod
    def of(
        cls, chip: Chip, number_format: Format, share: float = 1.0, corner: Literal["value", "low", "high"] = "value"
    ) -> Device:
        """The device that ``chip``, or ``share`` of it, is for products in ``number_format``.

        ``corner`` takes disputed figures at the lower or upper end of their range.
        """
        peak = number_format.peak_flops(chip)
        bandwidth = Range.of(chip, "memory_bandwidth_gb_s", 1e9)
        memory = Range.of(chip, "memory_gb", 1e9)
        power = Range.of(chip, "tdp_w", 1.0)
        return cls(
            chip.id, chip.name, chip.vendor,
            None if bandwidth is None else share * getattr(bandwidth, corner),
            None if peak is None else share * getattr(peak, corner),
            None if memory is None else share * memory.value,
            None if power is None else (share * power.low, share * power.high),
        )  # fmt: skip

    @property
    def missing(self) -> str | None:
        """Which figure the catalogue lacks to project a time, if any."""
        if self.bandwidth_b_s is None:
            return "memory bandwidth"
        return "peak at this precision" if self.peak_flops is None else None


@dataclass(frozen=True, slots=True)
class Situation:
    """``batch`` sequences of ``prompt_tokens`` and ``output_tokens`` on ``devices`` devices of one kind."""

    model: Dimensions
    format: Format
    device: Device
    devices: int
    stack: Stack
    batch: int
    prompt_tokens: int
    output_tokens: int
    force_eager: bool = False

    @property
    def kv_bytes_per_token(self) -> float:
        """Keys and values of one token over all layers, as stored."""
        bits = self.stack.kv_bits or self.format.kv_bits
        return 2 * self.model.layers * self.model.kv_width * bits / 8

    @property
    def mean_context(self) -> float:
        """Tokens a decode step attends to, on average over the output."""
        return self.prompt_tokens + (self.output_tokens + 1) / 2

    @property
    def captured(self) -> bool:
        """Whether decode steps are replayed as a graph rather than launched one by one by the host."""
        limit = self.stack.captured_tokens
        within = limit is None or self.prompt_tokens + self.output_tokens <= limit
        return self.stack.launch == "captured" and within and not self.force_eager

    @property
    def sequences(self) -> float:
        """Sequences in flight: the batch, or as many as the engine takes and the memory holds."""
        most = float(min(self.batch, self.stack.max_sequences)) if self.batch > 1 else 1.0
        if self.device.memory_b is None or self.batch <= 1:
            return most
        room = MEMORY_IN_USE * self.devices * self.device.memory_b - self.format.weight_bytes(self.model)
        # Sequences are at different stages, so one holds its prompt and half its output at a time.
        return max(1.0, min(most, room / (self.kv_bytes_per_token * self.mean_context)))


@dataclass(frozen=True, slots=True)
class ChipName:
    """What a published chip name means; ``chip`` is None where the catalogue has no such chip.

    ``also`` are the catalogue ids of other chips that the name fits as well.
    """

    chip: Chip | None
    share: float = 1.0
    note: str = ""
    also: tuple[str, ...] = ()


@cache
def chip_of(published_name: str) -> ChipName:
    """The catalogue's chip for a published name: from ``chip_names.yaml``, else by the catalogue's own matching."""
    catalogue = load_chips()
    if (written := _chip_names().get(published_name.strip().casefold())) is not None:
        chip = None if written.chip is None else catalogue.get(written.chip)
        for other in written.also:
            catalogue.get(other)
        return ChipName(chip, written.share, written.note, written.also)
    return ChipName(catalogue.match(published_name).chip)


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry of ``chip_names.yaml``."""

    name: str
    chip: str | None
    share: float = 1.0
    note: str = ""
    also: tuple[str, ...] = ()


@cache
def _chip_names() -> dict[str, _Written]:
    entries = document("chip_names.yaml", "names").items("names")
    return {written.name.casefold(): written for written in (facts.record(_Written, entry) for entry in entries)}
