"""Published batch-1 decode speeds, and whether a measured one lies among those of its chip, size and precision.

The figures are the published results that projections rest on (:mod:`reports.judge.projection.evidence`): the same
rows, conversions and exclusions. Taken are those of one device at batch 1 whose prompt and output together
are short, since
most count the prefill's time too. Figures of models of slightly different size compare through the share of the
declared memory bandwidth they amount to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from profiler.chips import Chip
from reports.judge.projection.evidence import Observation, own_evidence
from reports.judge.projection.groups import SHORT_CONTEXT
from reports.judge.projection.rows import Row, own_rows
from reports.judge.projection.situation import chip_of
from reports.judge.roofline.arithmetic import PhaseWork

SIZE_FACTOR = 1.5
"""Runs whose step moves between 1/1.5 and 1.5 times the bytes, weights and KV cache, count as of one size."""

FORMATS = {
    "float32": ("fp32",), "bfloat16": ("bf16",), "float16": ("bf16",), "float8": ("fp8",), "int8": ("int8", "w8a8"),
    "int4": ("int4", "awq"),
}  # fmt: skip
"""A target's precision -> the published number formats whose weights are as wide."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published decode speed of one device at batch 1.

    ``chips`` are the catalogue ids that the published name of the chip fits, ``package_share`` the part of such a chip
    that the device is; ``step_bytes`` what one decode step reads: weights in their published format and the KV cache.
    ``place`` is the file and line of the row, ``definition`` what its figure counts.
    """

    chips: tuple[str, ...]
    package_share: float
    model: str
    format: str
    framework: str
    context_tokens: float
    step_bytes: float
    decode_tok_s: float
    includes_prefill: bool
    definition: str
    source: str
    confidence: str
    place: str


@dataclass(frozen=True, slots=True)
class UsualRange:
    """The published figures for one chip, size and precision, as shares of its declared bandwidth, lowest first."""

    shares: tuple[float, ...]
    figures: tuple[Published, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the figures stand, each document once, the one with most figures first."""
        every = [figure.source for figure in self.figures]
        return tuple(sorted(dict.fromkeys(every), key=lambda source: -every.count(source)))

    def place(self, share: float) -> Literal["below", "inside", "above"]:
        """Where a measured share lies."""
        return "below" if share < self.shares[0] else "above" if share > self.shares[-1] else "inside"


def usual_range(chip: Chip | None, work: PhaseWork, precision: str, batch: int) -> UsualRange | None:
    """What was published for this chip, model size and precision at batch 1; None if nothing was."""
    if chip is None or batch != 1 or not chip.memory_bandwidth_gb_s:
        return None
    declared = chip.memory_bandwidth_gb_s * 1e9
    found = [
        (figure.step_bytes * figure.decode_tok_s / (declared * figure.package_share), figure)
        for figure in published()
        if chip.id in figure.chips
        and figure.format in FORMATS.get(precision, ())
        and 1 / SIZE_FACTOR <= figure.step_bytes / work.total_bytes <= SIZE_FACTOR
    ]
    if not found:
        return None
    found.sort(key=lambda pair: pair[0])
    return UsualRange(tuple(share for share, _ in found), tuple(figure for _, figure in found))


@cache
def published() -> tuple[Published, ...]:
    """Every published decode speed of one device at batch 1 and a short context."""
    rows = {row.place: row for row in own_rows()}
    return tuple(_read(one, rows[one.place]) for one in own_evidence().observations if _is_single_stream(one))


def _is_single_stream(one: Observation) -> bool:
    asked = one.situation
    short = asked.prompt_tokens + asked.output_tokens <= SHORT_CONTEXT
    return one.figure in ("step", "request") and asked.batch == 1 and asked.devices == 1 and short


def _read(one: Observation, row: Row) -> Published:
    asked, name = one.situation, chip_of(row["chip"])
    whole = one.figure == "request"
    stated = row["speed_definition"] or row["metric"]
    return Published(
        chips=(asked.device.chip_id, *name.also),
        package_share=name.share,
        model=row["model"],
        format=asked.format.id,
        framework=f"{row['framework']} {row['precision']}",
        context_tokens=asked.mean_context,
        step_bytes=asked.format.decode_bytes(asked.model) + asked.kv_bytes_per_token * asked.mean_context,
        decode_tok_s=(asked.output_tokens if whole else 1) / one.value,
        includes_prefill=whole,
        definition="; ".join((stated, *one.converted)),
        source=one.source,
        confidence=one.confidence,
        place=one.place,
    )
