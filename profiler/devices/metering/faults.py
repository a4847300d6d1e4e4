"""What can be wrong with a meter's stream of readings, by name. Thresholds stand here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

WRAPPED = "counter_wrapped"
RESET = "counter_reset"
BACKWARDS = "counter_backwards"
JUMPED = "counter_jumped"
FROZEN = "counter_frozen"
GAP = "stream_gap"
POWER_GAP = "power_gap"
LOST = "meter_lost"
EDGE_MISSING = "edge_missing"
DISAGREES = "sources_disagree"
IMPRECISE = "error_too_large"
CLOCK_STEPPED = "meter_clock_stepped"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """``spoils``: no figure is taken from a window that it touches. The text completes "the counter ..."."""

    code: str
    meaning: str
    spoils: bool = True


FAULTS: dict[str, FaultKind] = {
    kind.code: kind
    for kind in (
        FaultKind(WRAPPED, "passed the end of its range and began at zero; undone", spoils=False),
        FaultKind(RESET, "fell to almost nothing: the driver was reloaded or the device reset"),
        FaultKind(BACKWARDS, "ran backwards"),
        FaultKind(JUMPED, "rose faster than the hardware can draw power"),
        FaultKind(FROZEN, "stood still although it was read"),
        FaultKind(GAP, "was not read for longer than its readings may be apart"),
        FaultKind(POWER_GAP, "has no cross-check here: power was not read for longer than allowed", spoils=False),
        FaultKind(LOST, "could not be read any more"),
        FaultKind(EDGE_MISSING, "was not read before and after the whole window"),
        FaultKind(DISAGREES, "and integrated power differ by more than they should", spoils=False),
        FaultKind(IMPRECISE, "is too coarse for so short a window"),
        FaultKind(CLOCK_STEPPED, "set its own clock, so that its readings cannot be told apart in time"),
    )
}
"""Every fault a reading may name."""

FROZEN_PERIODS = 20
"""A counter that does not change for this many of its update periods stands still."""

FROZEN_AT_LEAST_S = 2.0

POWER_GAP_S = 1.0
"""Integrated power may not go without a sample for longer; a counter may, until it could have wrapped."""

POWER_GAP_PERIODS = 3
"""Nor for longer than this many periods of a slower source."""

DISAGREEMENT = 0.05
"""Counter and integrated power may differ by this part (InferenceX uses the same tolerance)."""

STATED_ERROR = 0.02
"""A window is made long enough that resolution alone puts no more than this part of doubt on its joules."""

LARGEST_ERROR = 0.10
"""A figure more doubtful than this is refused."""
