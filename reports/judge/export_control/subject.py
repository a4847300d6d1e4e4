"""What is classified: a chip of the catalogue, or numbers; and what each metric of it may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from backends.common.errors import InputError, unknown
from profiler.chips import Bounds, Chip
from reports.judge.export_control.classification import Finding
from reports.judge.export_control.conditions import Domain, Scalar
from reports.judge.export_control.figures import UNKNOWN, Interval, Number, exact, highest, point
from reports.judge.export_control.rules import metrics_data

AS_GIVEN = "as given"
"""The designer of a subject that is numbers: not known."""

Figure = Number | tuple[Number | None, Number | None] | None
"""A number, a range of which None is an open end, or None for not known."""

_UNKNOWN_BOOL: tuple[Scalar, ...] = (False, True)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A processor described by its figures; what is None is not known, and no label will rest on it.

    ``tops`` are dense peaks by precision in TOPS or TFLOPS, per package; ``tpp`` may be given instead. Bandwidths are
    in GB/s, ``io_bandwidth_gb_s`` both directions summed. ``memory_bandwidth_density`` (GB/s per mm2) is for an HBM
    stack.
    """

    tops: tuple[tuple[str, Figure], ...] = ()
    tpp: Figure = None
    die_area_mm2: Figure = None
    datacenter: bool | None = None
    dram_bandwidth_gb_s: Figure = None
    io_bandwidth_gb_s: Figure = None
    transistors_billion: Figure = None
    has_hbm: bool | None = None
    chip_role: str = "processor_ic"
    memory_bandwidth_density: Figure = None
    packaged_with_logic_dominant: bool | None = None
    name: str = "numbers"


class Subject:
    """The domains of every metric, exact. ``nominal_tpp`` and ``nominal_pd`` are the preferred values, if any."""

    def __init__(
        self,
        name: str,
        tops: dict[str, Interval],
        tpp: Interval,
        die_area_mm2: Interval,
        domains: dict[str, Domain],
        *,
        chip: Chip | None = None,
        nominal_tpp: Fraction | None = None,
        nominal_area: Fraction | None = None,
    ) -> None:
        self.name = name
        self.chip = chip
        self.tpp = tpp
        self.die_area_mm2 = die_area_mm2
        self.pd = tpp.over(die_area_mm2)
        self.nominal_tpp = tpp.low if tpp.is_point else nominal_tpp if tpp.contains(nominal_tpp) else None
        area = die_area_mm2.low if die_area_mm2.is_point else nominal_area
        self.nominal_pd = self.nominal_tpp / area if self.nominal_tpp is not None and area else None
        dram, io = domains["total_dram_bandwidth_gb_s"], domains["io_bandwidth_gb_s"]
        assert isinstance(dram, Interval)
        assert isinstance(io, Interval)
        self.dram, self.io = dram, io
        self.findings: dict[Any, Finding | None] = {}
        """What rules said already, by rule and circumstances: the engine's memory."""
        self.domains: dict[str, Domain] = {
            "tpp": tpp,
            "legacy_bits_x_tops": tpp,
            "pd": self.pd,
            "processing_performance_tops": highest(tops.values()),
            "dram_plus_io_bandwidth_gb_s": dram + io,
            **domains,
        }


@lru_cache(maxsize=4096)
def subject_of(item: Chip | Numbers) -> Subject:
    """The subject a chip or numbers make.

    Raises:
        InputError: If a figure is negative, no number, or of an unknown precision.
    """
    return _from_chip(item) if isinstance(item, Chip) else _from_numbers(item)


@cache
def bit_lengths() -> dict[str, Interval]:
    """Bits of the inputs by precision; an interval where the text does not settle it."""
    found = {}
    for name, bits in metrics_data()["bit_lengths"].items():
        low, high = bits if isinstance(bits, list) else (bits, bits)
        found[name] = Interval(Fraction(low), Fraction(high))
    return found


def parse_precision(text: str) -> str:
    """A precision name in lower case.

    Raises:
        InputError: If it is unknown, or names a sparse figure: TPP counts dense operations only.
    """
    name = text.strip().lower()
    if "sparse" in name or "sparsity" in name:
        raise InputError(f"--tops {text}: TPP counts dense operations only; give the dense figure of the datasheet")
    if name not in bit_lengths():
        raise unknown("precision", text, bit_lengths())
    return name


def _tpp(tops: dict[str, Interval]) -> Interval:
    """TOPS times bit length, the largest over all precisions."""
    products = []
    for precision, interval in tops.items():
        bits = bit_lengths()[precision]
        assert bits.high is not None
        products.append(Interval(interval.low * bits.low, None if interval.high is None else interval.high * bits.high))
    return highest(products)


def _from_chip(chip: Chip) -> Subject:
    paths = {path.partition(".")[2] for path in chip.ranges if path.startswith("peak_dense_tops.")}
    precisions = [name for name in bit_lengths() if name in chip.peak_dense_tops or name in paths]
    tops = {name: _bounds(chip.bounds(f"peak_dense_tops.{name}")) for name in precisions}
    settled = {name: value for name, value in chip.peak_dense_tops.items() if bit_lengths()[name].is_point}
    nominal = _tpp({name: point(exact(value, name)) for name, value in settled.items()}).low if settled else None
    links = _aggregate_io(chip)
    domains: dict[str, Domain] = {
        "bidir_transfer_rate_gb_s": links,
        "io_bandwidth_gb_s": links,
        "total_dram_bandwidth_gb_s": _bounds(chip.bounds("memory_bandwidth_gb_s")),
        "dc_designed_or_marketed": (chip.datacenter_marketed,),
        "aggregated_transistor_count_bn": _bounds(chip.bounds("transistors_billion")),
        "process_nm": _bounds(chip.bounds("process_nm")),
        "has_hbm": _has_hbm(chip.memory_type),
        "chip_role": ("processor_ic",),
        "memory_bandwidth_density": UNKNOWN,
        "packaged_with_logic_dominant": _UNKNOWN_BOOL,
        "chip_id": (chip.id,),
        "designer": (chip.vendor,),
    }
    area = _bounds(chip.bounds("die_area_mm2"))
    return Subject(
        chip.name, tops, _tpp(tops), area, domains, chip=chip,
        nominal_tpp=nominal,
        nominal_area=None if chip.die_area_mm2 is None else exact(chip.die_area_mm2, "die area"),
    )  # fmt: skip


def _from_numbers(numbers: Numbers) -> Subject:
    tops = {parse_precision(name): _figure(value, f"--tops {name}") for name, value in numbers.tops}
    if tops and numbers.tpp is not None:
        raise InputError("give peaks by precision or a TPP, not both")
    area = _figure(numbers.die_area_mm2, "die area")
    if area.high == 0:
        raise InputError("die area must be more than 0 mm2; leave it out if it is not known")
    links = _figure(numbers.io_bandwidth_gb_s, "I/O bandwidth")
    domains: dict[str, Domain] = {
        "bidir_transfer_rate_gb_s": links,
        "io_bandwidth_gb_s": links,
        "total_dram_bandwidth_gb_s": _figure(numbers.dram_bandwidth_gb_s, "DRAM bandwidth"),
        "dc_designed_or_marketed": _UNKNOWN_BOOL if numbers.datacenter is None else (numbers.datacenter,),
        "aggregated_transistor_count_bn": _figure(numbers.transistors_billion, "transistors"),
        "process_nm": UNKNOWN,
        "has_hbm": _UNKNOWN_BOOL if numbers.has_hbm is None else (numbers.has_hbm,),
        "chip_role": (numbers.chip_role,),
        "memory_bandwidth_density": _figure(numbers.memory_bandwidth_density, "memory bandwidth density"),
        "packaged_with_logic_dominant": (
            _UNKNOWN_BOOL if numbers.packaged_with_logic_dominant is None else (numbers.packaged_with_logic_dominant,)
        ),
        "chip_id": (AS_GIVEN,),
        "designer": (AS_GIVEN,),
    }
    tpp = _figure(numbers.tpp, "TPP") if numbers.tpp is not None else _tpp(tops)
    settled = {name: interval for name, interval in tops.items() if bit_lengths()[name].is_point}
    nominal = _tpp(settled)
    return Subject(numbers.name, tops, tpp, area, domains, nominal_tpp=nominal.low if nominal.is_point else None)


def _figure(value: Figure, what: str) -> Interval:
    if value is None:
        return UNKNOWN
    if not isinstance(value, tuple):
        return point(exact(value, what))
    low, high = (None if end is None else exact(end, what) for end in value)
    if low is not None and high is not None and low > high:
        raise InputError(f"{what}: the range {value[0]} to {value[1]} is upside down")
    return Interval(low or Fraction(0), high)


def _bounds(bounds: Bounds | None) -> Interval:
    return UNKNOWN if bounds is None else _figure(bounds, "catalogue figure")


def _aggregate_io(chip: Chip) -> Interval:
    """What all inputs and outputs may carry: the named interconnect, and up to a full host link beside it."""
    named = chip.bounds("interconnect_bidir_gb_s")
    if named is None:
        return UNKNOWN
    interval = _bounds(named)
    if re.fullmatch(r"PCIe [\d.]+ x\d+", chip.interconnect_name or ""):
        return interval
    for step in metrics_data()["host_link"]:
        if "released_until" not in step or (
            chip.release_year is not None and chip.release_year <= step["released_until"]
        ):
            return interval + Interval(Fraction(0), Fraction(step["at_most_gb_s"]))
    return Interval(interval.low, None)


def _has_hbm(memory_type: str | None) -> tuple[Scalar, ...]:
    if memory_type is None or "disputed" in memory_type or "not " in memory_type:
        return _UNKNOWN_BOOL
    return ("HBM" in memory_type,)
