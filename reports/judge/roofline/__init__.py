"""Is this speed normal? What a phase needs, what the device could do at best, and how much of that was reached."""

from reports.judge.roofline.arithmetic import PHASES, Phase, PhaseWork, decode_work, prefill_work
from reports.judge.roofline.ceilings import BASES, Basis, Roof, roofs
from reports.judge.roofline.position import Position, position

__all__ = [
    "BASES",
    "PHASES",
    "Basis",
    "Phase",
    "PhaseWork",
    "Position",
    "Roof",
    "decode_work",
    "position",
    "prefill_work",
    "roofs",
]
