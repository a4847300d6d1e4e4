"""How many of one device equal one of another, and what they take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from profiler.chips import Chip
from profiler.records.quantity import Quantity
from reports.judge.comparison.ratio import ratio_of_medians
from reports.judge.dependence.loss import Candidate


@dataclass(frozen=True, slots=True)
class Match:
    """``devices`` of ``by`` give the throughput of one ``matched``.

    A lower bound: requests are taken to be independent and to scale without loss, and no number of devices shortens
    the time of a single request. ``power`` and ``memory`` are those of all the devices together, from the datasheet.
    """

    matched: str
    matched_restricted: bool | None
    by: str
    by_restricted: bool | None
    ratio: float
    ci95: tuple[float, float] | None
    devices: int
    power: Quantity
    memory: Quantity
    matched_power: Quantity
    matched_memory: Quantity


def devices_to_match(matched: Candidate, by: Candidate, chips: dict[str, Chip | None]) -> Match:
    """Compare two candidates; ``chips`` are the catalogue's entries by candidate label."""
    ratio = ratio_of_medians(matched.rates_tok_per_s, by.rates_tok_per_s)
    count = max(1, math.ceil(ratio.value - 1e-9))
    theirs, own = chips.get(by.label), chips.get(matched.label)
    return Match(
        matched.label, matched.restricted, by.label, by.restricted, ratio.value, ratio.ci95, count,
        _declared(theirs, "tdp_w", "W", count), _declared(theirs, "memory_gb", "GB", count),
        _declared(own, "tdp_w", "W", 1), _declared(own, "memory_gb", "GB", 1),
    )  # fmt: skip


def _declared(chip: Chip | None, field: str, unit: str, count: int) -> Quantity:
    what = {"tdp_w": "board power", "memory_gb": "memory"}[field]
    value = getattr(chip, field) if chip else None
    if chip is None or value is None:
        return Quantity.unavailable(unit, f"no datasheet gives the {what}")
    return Quantity(value * count, unit, "declared", f"{count} x {what} of {chip.id} in the chip catalogue", 1)
