"""Where the operators of a path run, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["accelerator", "host", "rejected", "unknown"]
"""On the accelerator; on the host's processor (or the chip's own CPU cores); refused by the toolchain; not known."""

Evidence = Literal["executed", "compiled", "partitioned", "declared"]
"""How a place is known, strongest first.

``executed``: read from a run on the chip. ``compiled``: from the vendor compiler's own table; a compiler that accepts
an operator does not prove that the chip runs it. ``partitioned``: the vendor's execution provider partitioned the
graph, without the chip. ``declared``: a published list.
"""


@dataclass(frozen=True, slots=True)
class OperatorPlacement:
    """All operators of one kind in one phase that run in one place.

    ``count``, ``flops`` and ``bytes_moved`` are of the whole model for one prefill or one decode step; bytes are those
    of weights, inputs and outputs in the path's precision, each read or written once. ``source`` names the table, list
    or run it was read from; ``note`` says what else must be known.
    """

    phase: Literal["prefill", "decode"]
    operator: str
    count: int
    flops: float
    bytes_moved: float
    where: Where
    evidence: Evidence
    source: str
    note: str = ""
