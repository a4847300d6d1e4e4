"""Published batch-1 decode speeds, and whether a measured one lies among those of its chip, size and precision.

``published.csv`` holds one published figure a line, with its definition, source and confidence; ``chips`` are the
catalogue ids that the publication's name of the chip fits. Figures of models of slightly different size compare
through the share of the declared memory bandwidth they amount to.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from backends.errors import InputError
from profiler.catalogue import presets
from profiler.chips import Chip
from reports.roofline.arithmetic import PhaseWork, decode_work

ORIGIN = "roofline/published.csv"
SIZE_FACTOR = 1.5
"""Runs whose step moves between 1/1.5 and 1.5 times the bytes, weights and KV cache, count as of one size."""

CACHE_PRECISION = "bfloat16"
"""Of the KV cache in all published runs; at their short contexts it weighs a few per cent."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published decode speed of one device at batch 1."""

    chips: tuple[str, ...]
    model: str
    same_dimensions_as: str
    precision: str
    framework: str
    context_tokens: float
    decode_tok_s: float
    speed_definition: str
    source: str
    confidence: str

    @property
    def work(self) -> PhaseWork:
        """What one decode step of the published run needed."""
        spec = presets()[self.same_dimensions_as].spec
        return decode_work(spec, self.precision, CACHE_PRECISION, self.context_tokens, 1)


@dataclass(frozen=True, slots=True)
class UsualRange:
    """The published figures for one chip, size and precision, as shares of its declared bandwidth, lowest first."""

    shares: tuple[float, ...]
    figures: tuple[Published, ...]

    def place(self, share: float) -> Literal["below", "inside", "above"]:
        """Where a measured share lies."""
        return "below" if share < self.shares[0] else "above" if share > self.shares[-1] else "inside"


def usual_range(chip: Chip | None, work: PhaseWork, precision: str, batch: int) -> UsualRange | None:
    """What was published for this chip, model size and precision at batch 1; None if nothing was."""
    if chip is None or batch != 1 or not chip.memory_bandwidth_gb_s:
        return None
    declared = chip.memory_bandwidth_gb_s * 1e9
    found = [
        (figure.work.total_bytes * figure.decode_tok_s / declared, figure)
        for figure in published()
        if chip.id in figure.chips and figure.precision == precision and _same_size(figure.work, work)
    ]
    if not found:
        return None
    found.sort(key=lambda pair: pair[0])
    return UsualRange(tuple(share for share, _ in found), tuple(figure for _, figure in found))


@cache
def published() -> tuple[Published, ...]:
    """Every line of the file.

    Raises:
        InputError: With the line, if one is malformed, names an unknown model, or has no source.
    """
    text = files("reports.roofline").joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(_read(line, at) for at, line in enumerate(csv.DictReader(text.splitlines()), 2))


def _read(line: dict[str, str], at: int) -> Published:
    try:
        context = float(line["input_len"]) + float(line["output_len"]) / 2
        speed = float(line["decode_tok_s"])
        if line["same_dimensions_as"] not in presets():
            raise ValueError(f"{line['same_dimensions_as']!r} is no model preset")
        if not line["source"] or not line["confidence"] or not speed > 0:
            raise ValueError("a figure needs a positive speed, a source and a confidence")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{ORIGIN}:{at}: {error}") from error
    return Published(
        tuple(line["chips"].split("|")), line["model"], line["same_dimensions_as"], line["precision"],
        line["framework"], context, speed, line["speed_definition"], line["source"], line["confidence"],
    )  # fmt: skip


def _same_size(one: PhaseWork, other: PhaseWork) -> bool:
    ratio = one.total_bytes / other.total_bytes
    return 1 / SIZE_FACTOR <= ratio <= SIZE_FACTOR
