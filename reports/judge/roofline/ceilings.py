"""What a device can do at best: as measured in the same run, and as its datasheet declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from profiler.chips import Chip
from profiler.records.quantity import Quantity
from reports.judge.comparison.comparison import Row
from reports.judge.comparison.standing import Standing

Basis = Literal["measured", "declared"]
BASES: tuple[Basis, ...] = ("measured", "declared")

CATALOGUE_PRECISION = {
    "float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "float8_e4m3fn": "fp8", "int8": "int8", "int4": "int4",
}  # fmt: skip
"""Arithmetic as engines call it -> the chip catalogue's word. float32 is not tf32: engines keep full mantissas here."""


@dataclass(frozen=True, slots=True)
class Roof:
    """The two ceilings of a device: ``bandwidth`` in B/s, ``compute`` in FLOP/s at ``arithmetic``.

    Either may be unavailable, and says why.
    """

    basis: Basis
    arithmetic: str
    bandwidth: Quantity
    compute: Quantity


def roofs(row: Row, standing: Standing) -> tuple[Roof, Roof]:
    """The measured and the declared roof of the device a target ran on, at the arithmetic it used."""
    arithmetic = arithmetic_of(row)
    return _measured(row, arithmetic), declared_roof(standing, arithmetic, row.record.threads)


def arithmetic_of(row: Row) -> str:
    """The arithmetic of the target's matrix products."""
    worker = row.record.worker
    return worker.engine.arithmetic if worker else row.record.precision


def _measured(row: Row, arithmetic: str) -> Roof:
    found = row.bundle.ceilings_of(row.record)
    none = "no ceiling was measured for this device in the run"
    bandwidth = found.read_bandwidth if found else Quantity.unavailable("B/s", none)
    compute = found.gemm.get(arithmetic) if found else None
    if compute is None:
        compute = Quantity.unavailable("FLOP/s", f"no {arithmetic} matrix product was measured on this device")
    return Roof("measured", arithmetic, bandwidth, compute)


def declared_roof(standing: Standing, arithmetic: str, threads: int = 0) -> Roof:
    """The datasheet's peaks of a catalogue chip; unavailable where it is not known which chip it is."""
    chip = standing.chip
    if chip is None:
        why = "no datasheet can be named: it is not known which chip this is"
        return Roof("declared", arithmetic, Quantity.unavailable("B/s", why), Quantity.unavailable("FLOP/s", why))
    scope = _scope(chip, threads)
    bandwidth, tops = chip.memory_bandwidth_gb_s, declared_peak_tops(chip, arithmetic)
    return Roof(
        "declared",
        arithmetic,
        _declared(bandwidth, 1e9, "B/s", f"memory bandwidth of {chip.id} in the chip catalogue{scope}"),
        _declared(tops, 1e12, "FLOP/s", f"dense {arithmetic} peak of {chip.id} in the chip catalogue{scope}"),
    )


def declared_peak_tops(chip: Chip, arithmetic: str) -> float | None:
    """The dense peak in TFLOPS or TOPS; None if the catalogue does not hold it."""
    peaks: dict[str, float] = {str(name): value for name, value in chip.peak_dense_tops.items()}
    return peaks.get(CATALOGUE_PRECISION.get(arithmetic, arithmetic))


def _declared(value: float | None, factor: float, unit: str, what: str) -> Quantity:
    if value is None:
        return Quantity.unavailable(unit, f"no {what}")
    return Quantity(value * factor, unit, "declared", what, 1)


def _scope(chip: Chip, threads: int) -> str:
    """A datasheet speaks of a whole package, of which a run may have used a part."""
    cores = chip.cpu.cores if chip.cpu else None
    return f" (whole package of {cores} cores; this run used {threads} threads)" if cores and threads else ""
