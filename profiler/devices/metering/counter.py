"""A hardware energy counter: accumulates differences and classifies decreases."""

from __future__ import annotations

from profiler.devices.metering.faults import BACKWARDS, RESET, WRAPPED

NEAR_TOP = 0.9
NEAR_ZERO = 0.1
"""A counter wraps from the last tenth of its range into the first."""

RESET_BELOW = 0.01
"""A counter that falls below this share of its last value was reset."""


class Counter:
    """Adds up a counter that counts in whole units from anywhere.

    ``moduli`` are the ranges at which it may wrap, in units. With ``always``, any decrease is a wrap (RAPL, whose
    range is known and soon exhausted).
    """

    def __init__(self, first: int, moduli: tuple[int, ...], *, always: bool = False) -> None:
        self.total = 0
        self._last = first
        self._moduli = moduli
        self._always = always

    def advance(self, now: int) -> str:
        """Take the next value and return a fault code if it decreased. A reset or step backwards adds nothing."""
        last, self._last = self._last, now
        if now >= last:
            self.total += now - last
            return ""
        for modulus in self._moduli:
            if self._always or (NEAR_TOP * modulus <= last < modulus and now < NEAR_ZERO * modulus):
                self.total += (now - last) % modulus
                return WRAPPED
        return RESET if now < RESET_BELOW * last else BACKWARDS
