"""The median, without numpy: listing devices and meters must start fast."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median(samples: Sequence[float]) -> float:
    """Return the median of at least one sample."""
    return float(statistics.median(samples))
