"""How figures are written for people: three significant digits, a scaled unit, an interval that does not collapse.

Full precision stays in ``report.json`` and ``report.csv``.
"""

from __future__ import annotations

import math

from profiler.records.quantity import Quantity

THIN_SPACE = "\u202f"
"""Narrow no-break space: between a number and its unit, and between thousands."""

SI_PREFIXES = {
    "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
}  # fmt: skip
_PREFIXES_OF = {
    "s": ("", "m", "µ"), "B": ("T", "G", "M", "k", ""), "B/s": ("T", "G", "M", ""), "FLOP/s": ("P", "T", "G", "M", ""),
    "FLOP": ("P", "T", "G", "M", ""), "J": ("k", "", "m"),
}  # fmt: skip
"""Unit -> the prefixes it is written with, largest first."""
GRADE_MARKS = {"measured": "", "derived": "", "modelled": "≈", "declared": "†", "unavailable": ""}
"""What stands before a figure that is neither measured nor derived from measured ones."""

DASH = "—"

NOT_FINITE = 1e308
"""The recorder writes the largest double for a logit that is not a number; readings from here on are not finite."""
_MOST_DECIMALS = 9


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """The factor and the unit that keep ``value`` between 1 and 1000 where the unit has one; a bare ratio is in %."""
    if unit == "1":
        return 0.01, "%"
    prefixes = _PREFIXES_OF.get(unit, ("",))
    prefix = next((one for one in prefixes if abs(value) >= SI_PREFIXES[one]), prefixes[-1])
    return SI_PREFIXES[prefix], prefix + unit


def decimals_for(value: float, digits: int = 3) -> int:
    """Return how many decimals show ``digits`` significant digits of ``value``."""
    return 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))


def number(value: float, decimals: int | None = None) -> str:
    """``value`` with thousands separated; three significant digits unless ``decimals`` is given.

    Very small and very large values are written with a power of ten.
    """
    if value != 0 and decimals is None and not 1e-3 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}{THIN_SPACE}×{THIN_SPACE}10{superscript(int(exponent))}"
    text = f"{value:,.{decimals_for(value) if decimals is None else decimals}f}"
    return text.replace(",", THIN_SPACE)


def with_unit(value: float, unit: str) -> str:
    """``value`` scaled, with its unit."""
    factor, name = scale_of(value, unit)
    return f"{number(value / factor)}{THIN_SPACE}{name}"


def quantity(figure: Quantity) -> str:
    """Return the value with its unit and grade mark; a dash if it is unavailable."""
    if figure.value is None:
        return DASH
    factor, name = scale_of(figure.value, figure.unit)
    decimals = _decimals(figure.value / factor, _scaled(figure.ci95, factor))
    return f"{GRADE_MARKS[figure.grade]}{number(figure.value / factor, decimals)}{THIN_SPACE}{name}"


def interval(figure: Quantity) -> str:
    """Return the 95 % interval in the unit that :func:`quantity` chose, without the unit; empty if there is none."""
    if figure.value is None or figure.ci95 is None:
        return ""
    factor, _ = scale_of(figure.value, figure.unit)
    bounds = _scaled(figure.ci95, factor)
    assert bounds is not None
    decimals = _decimals(figure.value / factor, bounds)
    return f"{number(bounds[0], decimals)}–{number(bounds[1], decimals)}"


def count(value: float) -> str:
    """Return a whole number with its thousands separated."""
    return f"{value:,.15g}".replace(",", THIN_SPACE)


def percent(share: float) -> str:
    """Return a share of one with three significant digits."""
    return f"{number(100 * share)}{THIN_SPACE}%"


def percent_below_all(share: float) -> str:
    """Return a share of one with three significant digits, or as many as keep it below 100 %."""
    decimals = decimals_for(100 * share)
    while share < 1 <= round(share, decimals + 2) and decimals < _MOST_DECIMALS:
        decimals += 1
    return f"{number(100 * share, decimals)}{THIN_SPACE}%"


def percent_to_a_tenth(share: float) -> str:
    """Return a share of one to 0.1 %; only exactly none and exactly all are written as 0 % and 100 %."""
    if share in (0, 1):
        return f"{100 * share:.0f}{THIN_SPACE}%"
    if share < 0.0005:
        return f"<0.1{THIN_SPACE}%"
    return f">99.9{THIN_SPACE}%" if share > 0.9995 else f"{100 * share:.1f}{THIN_SPACE}%"


def times(value: float, ci95: tuple[float, float] | None) -> str:
    """Return a ratio such as ``1.49×``, with its interval in brackets if it has one."""
    decimals = max(2, _decimals(value, ci95) or 0) if abs(value) < 100 else 0
    text = f"{number(value, decimals)}×"
    return f"{text} ({number(ci95[0], decimals)}–{number(ci95[1], decimals)})" if ci95 else text


def _scaled(ci95: tuple[float, float] | None, factor: float) -> tuple[float, float] | None:
    return None if ci95 is None else (ci95[0] / factor, ci95[1] / factor)


def _decimals(value: float, ci95: tuple[float, float] | None) -> int | None:
    """Three significant digits, and up to two more while the interval would collapse to its own value.

    None where the magnitude calls for a power of ten.
    """
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        return None
    decimals = decimals_for(value)
    if ci95 is None or ci95[0] == ci95[1]:
        return decimals
    for extra in range(3):
        if round(ci95[0], decimals + extra) != round(ci95[1], decimals + extra):
            return decimals + extra
    return decimals + 2


def superscript(value: int) -> str:
    """Return the digits of ``value`` raised."""
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
