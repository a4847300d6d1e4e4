"""The faults of a meter's readings, by name, and every threshold that decides them."""

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
    """``spoils``: windows that it touches yield no figure. ``meaning`` completes "the counter ..."."""

    code: str
    meaning: str
    spoils: bool = True


FAULTS: dict[str, FaultKind] = {
    kind.code: kind
    for kind in (
        FaultKind(WRAPPED, "passed the end of its range and restarted at zero; corrected", spoils=False),
        FaultKind(RESET, "fell to almost nothing: the driver was reloaded or the device reset"),
        FaultKind(BACKWARDS, "ran backwards"),
        FaultKind(JUMPED, "rose faster than the hardware can draw power"),
        FaultKind(FROZEN, "stood still although it was read"),
        FaultKind(GAP, "was not read for longer than allowed between two readings"),
        FaultKind(POWER_GAP, "has no cross-check here: power was not read for longer than allowed", spoils=False),
        FaultKind(LOST, "became unreadable"),
        FaultKind(EDGE_MISSING, "was not read before and after the whole window"),
        FaultKind(DISAGREES, "and integrated power differ by more than they should", spoils=False),
        FaultKind(IMPRECISE, "is too coarse for so short a window"),
        FaultKind(CLOCK_STEPPED, "changed its own clock, so the times of its readings are unknown"),
    )
}
"""Every fault by its code."""

FROZEN_PERIODS = 20
"""A counter that does not change for this many of its update periods is frozen."""

FROZEN_AT_LEAST_S = 2.0

POWER_GAP_S = 1.0
"""The longest time between two power samples that are integrated; a counter may wait until it could have wrapped."""

POWER_GAP_PERIODS = 3
"""Likewise in periods, for a slower source."""

DISAGREEMENT = 0.05
"""The tolerated difference between counter and integrated power (InferenceX uses the same)."""

STATED_ERROR = 0.02
"""Windows are long enough that resolution alone leaves no more than this relative error in their joules."""

LARGEST_ERROR = 0.10
"""A figure with a larger relative error is refused."""
