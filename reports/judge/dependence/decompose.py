"""A speed as a product of what the hardware allows, what a narrower format gains, and what the software makes of it.

``T = silicon x precision x software`` for every target:

* *silicon*: the attainable speed (tok/s) under the device's roof, if the target ran at the group's common precision,
  the widest one that any comparable target used;
* *precision*: attainable speed at the target's own precision and format over that;
* *software*: achieved over attainable, the share of the nearer ceiling.

So ``ln(T_a / T_b)`` of any two targets is the sum of three differences, exactly. A peak that was not measured at the
common precision is the measured one times the ratio of the declared peaks; where that peak binds, its term is graded
``modelled``. Where no such ratio is known, silicon and precision stay one term.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from profiler.records.quantity import Grade
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.standing import Standing
from reports.judge.roofline.arithmetic import Phase, PhaseWork
from reports.judge.roofline.ceilings import Basis, arithmetic_of, declared_peak_tops
from reports.judge.roofline.position import Bound, Position, work_of

WIDEST_FIRST = ("float32", "bfloat16", "float16", "int8", "int4")

Name = str
"""``silicon``, ``precision``, ``silicon_and_precision`` or ``software``."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a gap: ``log_ratio`` is natural, ``factor`` its exponential."""

    name: Name
    log_ratio: float
    grade: Grade
    method: str

    @property
    def factor(self) -> float:
        """How many times as fast this term alone makes a."""
        return math.exp(self.log_ratio)


@dataclass(frozen=True, slots=True)
class Factors:
    """One target's speed in one phase taken apart; natural logarithms, their sum is ``ln`` of the speed in tok/s.

    ``precision`` is None where the roof at the common precision is not known: then ``silicon`` is the roof at the
    target's own precision.
    """

    label: str
    phase: Phase
    basis: Basis
    bound: Bound
    speed_tok_s: float
    silicon: float
    precision: float | None
    software: float
    common_precision: str
    silicon_grade: Grade
    roof_grade: Grade
    software_grade: Grade
    silicon_method: str


@dataclass(frozen=True, slots=True)
class Gap:
    """``log_ratio`` is ``ln(T_a / T_b)`` of the two speeds as measured; the terms add up to it."""

    faster: str
    slower: str
    phase: Phase
    basis: Basis
    log_ratio: float
    terms: tuple[Term, ...]


def common_precision(group: Group) -> str | None:
    """The widest precision among the comparable targets; None if one of them is of a format that is not ranked."""
    used = {row.record.precision for row in group.conclusive}
    if not used or not used <= set(WIDEST_FIRST):
        return None
    return min(used, key=WIDEST_FIRST.index)


def factors(
    row: Row, group: Group, standing: Standing, place: Position, common: str, basis: Basis
) -> Factors | None:  # fmt: skip
    """Take one target's speed apart under the measured or the declared roof; None if a ceiling it needs is missing."""
    reached = place.reached(basis)
    share, speed = reached.share.value, place.throughput.value
    if reached.bound is None or not share or not speed:
        return None
    attainable = speed / share
    software_grade: Grade = "derived" if basis == "measured" else "declared"
    grade: Grade = software_grade
    at_common: float | None
    if row.record.precision == common:
        at_common, common_grade, how = attainable, grade, f"{basis} ceilings at {common}"
    else:
        at_common, common_grade, how = _attainable_at(row, group, standing, place, common, basis)
    return Factors(
        row.label, place.phase, basis, reached.bound, speed,
        silicon=math.log(attainable if at_common is None else at_common),
        precision=None if at_common is None else math.log(attainable) - math.log(at_common),
        software=math.log(share), common_precision=common,
        silicon_grade=common_grade if at_common is not None else grade, roof_grade=grade,
        software_grade=software_grade, silicon_method=how,
    )  # fmt: skip


def difference(a: Factors, b: Factors) -> Gap:
    """The gap between two targets of one phase and basis.

    Raises:
        ValueError: If they were taken apart by different phases, bases or common precisions.
    """
    if (a.phase, a.basis, a.common_precision) != (b.phase, b.basis, b.common_precision):
        raise ValueError("two targets compare only under one phase, one basis and one common precision")
    software = Term("software", a.software - b.software, a.software_grade, "achieved over attainable speed")
    if a.precision is None or b.precision is None:
        roof = [one.silicon + (one.precision or 0.0) for one in (a, b)]
        why = next(one.silicon_method for one in (a, b) if one.precision is None)
        hardware: tuple[Term, ...] = (Term("silicon_and_precision", roof[0] - roof[1], a.roof_grade, why),)
    else:
        grade: Grade = "modelled" if "modelled" in (a.silicon_grade, b.silicon_grade) else a.silicon_grade
        ways = [one.silicon_method for one in (a, b) if grade != "modelled" or one.silicon_grade == "modelled"]
        how = "; ".join(dict.fromkeys(ways))
        hardware = (
            Term("silicon", a.silicon - b.silicon, grade, how),
            Term("precision", a.precision - b.precision, grade, how),
        )
    terms = (*hardware, software)
    return Gap(a.label, b.label, a.phase, a.basis, math.log(a.speed_tok_s / b.speed_tok_s), terms)


def _attainable_at(
    row: Row, group: Group, standing: Standing, place: Position, common: str, basis: Basis
) -> tuple[float | None, Grade, str]:  # fmt: skip
    """Attainable tok/s at the common precision, its grade and how it was had; None with the reason."""
    reached = place.reached(basis)
    assert reached.mbu.value and reached.mfu.value
    bandwidth = place.byte_per_s / reached.mbu.value
    peak = place.flop_per_s / reached.mfu.value
    grade: Grade = "derived" if basis == "measured" else "declared"
    plain = f"{basis} ceilings at {common}"
    work = work_of(row, group, place.phase, common)
    if work is None:
        return None, grade, f"the size of the model at {common} is not known"
    own, wanted = arithmetic_of(row), common if common in ("bfloat16", "float16") else "float32"
    if own == wanted:
        return _attainable(work, bandwidth, peak), grade, plain
    ceilings = row.bundle.ceilings_of(row.record)
    sampled = ceilings.gemm.get(wanted) if ceilings and basis == "measured" else None
    if sampled is not None and sampled.value:
        return _attainable(work, bandwidth, sampled.value), grade, plain
    ratio = _declared_ratio(standing, wanted, own)
    if ratio is None:
        return None, grade, f"no {wanted} peak of {row.label}'s device is measured or declared"
    scaled = peak * ratio
    if basis == "declared" or work.total_bytes / bandwidth >= work.total_flops / scaled:
        return _attainable(work, bandwidth, scaled), grade, plain
    how = f"measured {own} peak times the declared ratio of {wanted} to {own}"
    return _attainable(work, bandwidth, scaled), "modelled", how


def _declared_ratio(standing: Standing, wanted: str, own: str) -> float | None:
    """The datasheet's peak at one arithmetic over that at another; None if either is not declared."""
    above, below = (declared_peak_tops(standing.chip, name) if standing.chip else None for name in (wanted, own))
    return above / below if above and below else None


def _attainable(work: PhaseWork, bandwidth_b_s: float, peak_flop_s: float) -> float:
    """Tokens per second under a roof: the slower of moving the bytes and doing the operations."""
    return work.tokens / max(work.total_bytes / bandwidth_b_s, work.total_flops / peak_flop_s)
