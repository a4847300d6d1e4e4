"""Student's t distribution for whole degrees of freedom, from its closed form.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math
from functools import lru_cache


def t_within(t: float, degrees: int) -> float:
    """Return the probability that a t variable lies within ``t`` of zero (``t >= 0``, ``degrees >= 1``)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine_squared = math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for step in range(2 + odd, degrees - 1, 2):
        term *= cosine_squared * (step - 1) / step
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


@lru_cache(maxsize=4096)
def t_quantile(confidence: float, degrees: int) -> float:
    """Return the ``t`` within which a t variable lies with probability ``confidence`` (0 to 1), around zero."""
    if not 0 <= confidence < 1 or degrees < 1:
        raise ValueError(f"no t quantile for confidence {confidence!r} with {degrees!r} degrees of freedom")
    low, high = 0.0, 1.0
    while t_within(high, degrees) < confidence:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_within(middle, degrees) < confidence else (low, middle)
    return high
