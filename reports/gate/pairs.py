"""The gate of one sitting: the same target in two environments, judged by pairs of segments that ran in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from profiler.records.target import TargetRecord
from reports.gate.policy import FALSE_ALARMS
from reports.judge.comparison.ratio import median_of_pairs, pairs_of, undisturbed

FEWEST_PAIRS = 12
"""A gate says nothing of fewer pairs."""

SMALLEST_CHANGE = 0.01
"""A change below this is none, however sure it is: nobody acts on it."""

Phase = Literal["decode", "prefill"]
Verdict = Literal["slower", "faster", "unchanged", "unavailable"]


@dataclass(frozen=True, slots=True)
class PairedChange:
    """The speed of the second environment over the first, in one phase.

    The interval leaves out :data:`FALSE_ALARMS` on either side. ``pairs`` were kept, ``left_out`` were disturbed.
    """

    target: str
    phase: Phase
    verdict: Verdict
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    pairs: int = 0
    left_out: int = 0


def paired_change(first: TargetRecord, second: TargetRecord, phase: Phase) -> PairedChange:
    """Judge one target in one phase; unavailable where too few pairs ran."""
    pairs = pairs_of(second, first, prefill=phase == "prefill")
    kept = undisturbed(pairs)
    if len(kept) < FEWEST_PAIRS:
        return PairedChange(second.id, phase, "unavailable", pairs=len(kept))
    ratio, interval = median_of_pairs(kept, FALSE_ALARMS)
    sure = interval[1] < 1 or interval[0] > 1
    changed = sure and abs(ratio - 1) >= SMALLEST_CHANGE
    verdict: Verdict = ("slower" if ratio < 1 else "faster") if changed else "unchanged"
    return PairedChange(second.id, phase, verdict, ratio, interval, len(kept), len(pairs) - len(kept))
