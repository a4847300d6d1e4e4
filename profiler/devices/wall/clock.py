"""Converts readings from the meter's clock to ours.

A reading arrives after it was made. So our clock minus the meter's, at receipt, is the difference of the clocks
plus a delay, and the smallest of many such differences has the least delay. What remains uncertain: how much
later readings usually arrive than the quickest one, the pause between two reads, and the timestamps' grain. A delay
common to all readings cannot be detected. Receipts use the monotonic clock: a step of our wall clock does no harm, and
a step of the meter's is detected, since it shifts the difference for good, while a late reading shifts it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from profiler.devices.wall.source import WallRow
from profiler.statistics.medians import median

STEP_S = 1.0
"""A lasting change of the difference by more than this, and more than two periods, is a step of the meter's clock."""

FEW = 3
"""With fewer readings the quickest one proves little: a whole period is added to the uncertainty."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A reading and when it was requested and received, by the monotonic clock. ``fresh``: the newest of those received
    together."""

    row: WallRow
    sent_ns: int
    received_ns: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """A reading at its moment on our monotonic clock; ``stepped``: the meter's clock stepped since the one before."""

    at_ns: int
    row: WallRow
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Readings in time order, their uncertainty, and the difference of the clocks (None without one)."""

    readings: tuple[Placed, ...]
    uncertainty_s: float
    difference_ns: int | None = None


def reconcile(receipts: Sequence[Receipt], period_s: float, poll_s: float) -> Reconciled:
    """Return ``receipts``, in the order of receipt, on our clock; drop those that fall before an earlier one."""
    if all(receipt.row.at_s is None for receipt in receipts):
        middle = [Placed((r.sent_ns + r.received_ns) // 2, r.row) for r in receipts]
        doubt_s = max((r.received_ns - r.sent_ns for r in receipts), default=0) / 2e9
        return Reconciled(_in_order(middle), doubt_s)
    timed = [receipt for receipt in receipts if receipt.row.at_s is not None]
    pieces = _pieces(timed, max(STEP_S, 2 * period_s))
    placed: list[Placed] = []
    doubt_s, difference_ns = 0.0, 0
    for piece in pieces:
        late = [_late_ns(receipt) for receipt in piece if receipt.fresh] or [_late_ns(receipt) for receipt in piece]
        difference_ns = min(late)
        doubt_s = max(doubt_s, (median(late) - difference_ns) / 1e9 + (period_s if len(late) < FEW else 0.0))
        placed += [
            Placed(_own_ns(receipt) + difference_ns, receipt.row, bool(placed) and receipt is piece[0])
            for receipt in piece
        ]
    return Reconciled(_in_order(placed), doubt_s + poll_s + _grain_s(timed), difference_ns)


def _pieces(receipts: Sequence[Receipt], limit_s: float) -> list[list[Receipt]]:
    """Split where the meter's clock stepped."""
    fresh = [(place, _late_ns(receipt)) for place, receipt in enumerate(receipts) if receipt.fresh]
    cuts = []
    for k in range(1, len(fresh)):
        before = min(late for _, late in fresh[max(0, k - 3) : k])
        after = min(late for _, late in fresh[k : k + 3])
        if min(abs(before - after), abs(fresh[k][1] - fresh[k - 1][1])) > limit_s * 1e9:
            cuts.append(fresh[k - 1][0] + 1)
    edges = [0, *cuts, len(receipts)]
    return [list(receipts[begin:end]) for begin, end in pairwise(edges)]


def _own_ns(receipt: Receipt) -> int:
    return round((receipt.row.at_s or 0.0) * 1e9)


def _late_ns(receipt: Receipt) -> int:
    return receipt.received_ns - _own_ns(receipt)


def _grain_s(receipts: Sequence[Receipt]) -> float:
    """Return one second if no timestamp has a fraction."""
    return 1.0 if all(receipt.row.at_s == int(receipt.row.at_s or 0) for receipt in receipts) else 0.0


def _in_order(placed: Sequence[Placed]) -> tuple[Placed, ...]:
    kept: list[Placed] = []
    stepped = False
    for reading in placed:
        stepped |= reading.stepped
        if not kept or reading.at_ns > kept[-1].at_ns:
            kept.append(Placed(reading.at_ns, reading.row, stepped))
            stepped = False
    return tuple(kept)
