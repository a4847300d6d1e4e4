"""Which targets take turns on this host, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from backends.contract.registry import Target, load_backend
from profiler.host.memory import available_bytes
from profiler.run.request import Request

REPETITIONS_SHARE = 0.5
"""The part of a target's budget that its repetitions may take in a race; the rest is for segments."""

MEMORY_SHARE = 0.9
"""The part of the free memory that workers loaded together may need: they do not share what the estimate leaves out."""


def together(targets: Sequence[Target], request: Request) -> list[Target]:
    """Return the targets that are loaded together and take turns: those on the host's processor, while they fit.

    Fewer than two are no race, and the list is empty. Targets on accelerators run alone: they do not share what
    changes from moment to moment.
    """
    if request.one_by_one:
        return []
    left = MEMORY_SHARE * available_bytes()
    chosen: list[Target] = []
    for target in targets:
        backend = load_backend(target.backend)
        needed = backend.memory_needed_bytes(request.model.spec, target.precision, request.workload)
        if backend.accelerator(target.device) is None and needed <= left:
            chosen.append(target)
            left -= needed
    return chosen if len(chosen) > 1 else []


def segments_s(request: Request, count: int) -> float:
    """Return for how long ``count`` targets run segments: what their repetitions leave of their budgets."""
    return (1 - REPETITIONS_SHARE) * request.budget_s * count
