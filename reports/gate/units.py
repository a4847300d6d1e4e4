"""Figures as people write them, "8 tok/s", "4 GiB" or "250 ms", in the unit that a metric is kept in."""

from __future__ import annotations

import re

from reports.document.notation import SI_PREFIXES

DECIMAL_PREFIXES = {**{prefix: factor for prefix, factor in SI_PREFIXES.items() if prefix}, "u": 1e-6}
BINARY_PREFIXES = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
OTHER_UNITS = {"s": {"min": 60.0}, "tok/s": {"tok/min": 1 / 60}, "J/tok": {"Wh/tok": 3600.0}, "1": {"": 1.0, "%": 0.01}}

_FIGURE = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


def parse_figure(text: str, unit: str) -> float:
    """The value of ``text`` in ``unit``.

    Raises:
        ValueError: If it is no figure, or its unit does not measure the same thing; the message says which would.
    """
    found = _FIGURE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no figure; write it as {_examples(unit)}")
    number, written = found.groups()
    return float(number) * _factor(written, unit)


def _factor(written: str, unit: str) -> float:
    other = OTHER_UNITS.get(unit, {})
    if written == unit and unit != "1":
        return 1.0
    if written in other:
        return other[written]
    prefixes = DECIMAL_PREFIXES | (BINARY_PREFIXES if unit == "B" else {})
    if unit != "1":
        for prefix, factor in prefixes.items():
            if written == prefix + unit:
                return factor
    missing = "it has no unit" if not written else f"{written!r} is no unit of this metric"
    raise ValueError(f"{missing}; write it as {_examples(unit)}")


def _examples(unit: str) -> str:
    examples = {
        "B": "4 GB or 4 GiB", "s": "1.5 s or 250 ms", "1": "0.99 or 99 %", "J/tok": "0.8 J/tok or 800 mJ/tok"
    }  # fmt: skip
    return examples.get(unit, f"8 {unit}")
