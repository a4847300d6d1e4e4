"""How often a counter changes: measured by reading it back to back, not assumed."""

from __future__ import annotations

import time
from collections.abc import Callable

from profiler.statistics.medians import median

CHANGES = 20
FEWEST_CHANGES = 3
LIMIT_S = 2.0


def infer_update_period_s(
    read: Callable[[], float | None], clock: Callable[[], float] = time.perf_counter
) -> float | None:
    """Return the median time between two changes of ``read()``; None if it hardly changes within two seconds.

    It keeps a core busy, so call it before the work. The stretch up to the first change is left out: it
    began within a period. (Zeus reads power the same way, and takes the shortest stretch.)
    """
    began = changed = clock()
    last = read()
    gaps: list[float] = []
    seen = 0
    while len(gaps) < CHANGES and clock() - began < LIMIT_S:
        value = read()
        if value == last:
            continue
        now = clock()
        if seen:
            gaps.append(now - changed)
        seen += 1
        changed, last = now, value
    return median(gaps) if len(gaps) >= FEWEST_CHANGES else None
