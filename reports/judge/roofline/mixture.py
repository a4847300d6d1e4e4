"""What a mixture of experts reads in a decode step, and which limit that meets: why it is as fast as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.qwen.model import BITS_PER_WEIGHT
from reports.judge.comparison.comparison import Row
from reports.judge.roofline.ceilings import Basis
from reports.judge.roofline.position import Bound, Position

HALF = 0.5
"""Below this share of the nearer ceiling neither of them explains the speed."""

Known = Literal["counted", "estimated", "exact"]
"""How the experts of a step are known: counted in the run; estimated from above by uniform routing; or exactly, as one
sequence chooses as many as a token has."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """A decode step of one target.

    Bytes are those of the weights, ``total_bytes`` of all that the model holds. ``read_parameters`` are those that the
    step reads: as many as a dense model has that reads as much. The two times are what reading and arithmetic take at
    least under the roof; None where a ceiling is not known.
    """

    distinct: float
    known: Known
    read_bytes: float
    total_bytes: float | None
    read_parameters: float
    step_s: float
    reading_s: float | None
    arithmetic_s: float | None
    bound: Bound | None
    share: float | None
    basis: Basis

    @property
    def engine_bound(self) -> bool:
        """Whether neither ceiling explains the speed: most of the step goes to something else."""
        return self.share is not None and self.share < HALF


def mixture(row: Row, place: Position) -> Mixture | None:
    """Return the decode step of ``row``, which stands at ``place``; None for a model without experts."""
    spec, worker = row.spec, row.record.worker
    if spec.experts is None or worker is None:
        return None
    use, batch, precision = worker.expert_use, row.batch, row.record.precision
    distinct = use.distinct if use else spec.distinct_experts(batch)
    reached = place.measured if place.measured.bound else place.declared
    roof = reached.roof
    return Mixture(
        distinct=distinct,
        known="counted" if use else "exact" if batch == 1 else "estimated",
        read_bytes=place.work.bytes_moved["weights"],
        total_bytes=spec.weight_bytes(precision) if precision in BITS_PER_WEIGHT else None,
        read_parameters=spec.decode_weight_bytes("bfloat16", batch, distinct) / 2,
        step_s=place.seconds_per_pass,
        reading_s=place.work.total_bytes / roof.bandwidth.value if roof.bandwidth.value else None,
        arithmetic_s=place.work.total_flops / roof.compute.value if roof.compute.value else None,
        bound=reached.bound,
        share=reached.share.value if reached.bound else None,
        basis=roof.basis,
    )
