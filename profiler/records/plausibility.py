"""What cannot be true: a utilisation above its ceiling, a negative or zero figure, one that is not a number.

Such a figure is kept raw, marked with a code and its reason, and is unavailable to every conclusion. The law holds for
what is computed now and for what an older bundle recorded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from profiler.records.quantity import Quantity

ABOVE_CEILING = "above_ceiling"
NOT_FINITE = "not_finite"
NEGATIVE = "negative"
ZERO = "zero"
CODES = (ABOVE_CEILING, NOT_FINITE, NEGATIVE, ZERO)

MAY_BE_ZERO = frozenset({"peak_allocated_memory", "peak_reserved_memory"})
NOISE = 0.05
"""How far above its ceiling a utilisation without an interval may lie: ceilings move by some per cent in a run."""


def plausible(name: str, figure: Quantity) -> Quantity:
    """Return the figure called ``name``, or, if it cannot be true, an unavailable one that keeps it raw."""
    if figure.value is None:
        return figure
    if not math.isfinite(figure.value):
        return impossible(figure, NOT_FINITE, "the figure is not a number")
    if figure.value < 0:
        return impossible(figure, NEGATIVE, f"{figure.value:.3g} {figure.unit} is below zero")
    if figure.value == 0 and name not in MAY_BE_ZERO:
        return impossible(figure, ZERO, f"0 {figure.unit} was read while work was done")
    return utilisation(figure) if is_utilisation(name) else figure


def is_utilisation(name: str) -> bool:
    """Return whether the figure called ``name`` is a share of a ceiling: ``mbu``, ``mfu``, ``image_mfu``."""
    return name.rpartition("_")[2] in ("mbu", "mfu")


def utilisation(figure: Quantity) -> Quantity:
    """Return a share of a ceiling, or an unavailable one if it lies above the ceiling by more than its noise."""
    if figure.value is None:
        return figure
    lowest = figure.ci95[0] if figure.ci95 else figure.value / (1 + NOISE)
    if lowest <= 1:
        return figure
    between = f" [{100 * figure.ci95[0]:.0f}–{100 * figure.ci95[1]:.0f}]" if figure.ci95 else ""
    why = (
        f"{100 * figure.value:.0f} %{between} of a ceiling: the ceiling is too low, or a cache held what should be read"
    )
    return impossible(figure, ABOVE_CEILING, why)


def impossible(figure: Quantity, code: str, why: str) -> Quantity:
    """Return ``figure`` as unavailable: its method is the code and the reason, its value is kept as ``raw``."""
    raw = figure.value if figure.value is not None and math.isfinite(figure.value) else None
    marked = Quantity.unavailable(figure.unit, f"{code}: {why}; {figure.method}")
    return replace(marked, n=figure.n, raw=raw)


def code_of(figure: Quantity) -> str:
    """Return the code of a figure that cannot be true; empty for every other."""
    code = figure.method.partition(":")[0]
    return code if figure.value is None and code in CODES else ""
