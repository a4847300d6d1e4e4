"""Figures in what tools print; None for anything that is not one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_NOTHING = {"", "-", "na", "n/a", "none", "null", "unknown", "/", "[n/a]", "not supported", "[not supported]"}
FIGURE = r"(?<![\w.,\-])(\d+(?:\.\d+)?)(?![\d.,])"
"""A complete decimal number: never a part of a longer or negative one."""

COUNT = r"(?<![\w.,\-])(\d+)(?![\d.,])"
"""A complete integer, likewise."""

MOST_POWER_W = 10_000.0
MOST_TEMPERATURE_C = 200.0
_PCI_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")


def known(text: object) -> str | None:
    """Return the text without surrounding blanks, or None for the placeholders of tools (``N/A``, ``-``)."""
    value = str(text).strip() if isinstance(text, str | int | float) else ""
    return None if value.casefold() in _NOTHING else value


def number(text: object, pattern: str = FIGURE) -> float | None:
    """Return the first figure that ``pattern`` captures in ``text``."""
    match = re.search(pattern, text, re.ASCII) if isinstance(text, str) else None
    return float(match[1]) if match and len(match[1]) < 20 else None


def mebibytes(text: object, pattern: str = COUNT) -> int | None:
    """Return the bytes of a count of MiB (tools print "MB" and mean MiB)."""
    size = number(text, pattern)
    return int(size) << 20 if size is not None else None


def watts(text: object, pattern: str = FIGURE) -> float | None:
    """Return a power in watts; None for what no card draws (tools print 65535 for an unknown power)."""
    power = number(text, pattern)
    return power if power is not None and power < MOST_POWER_W else None


def celsius(text: object, pattern: str = FIGURE) -> float | None:
    """Return a temperature in degrees Celsius; None for what silicon does not survive."""
    degrees = number(text, pattern)
    return degrees if degrees is not None and degrees < MOST_TEMPERATURE_C else None


def share(text: object, pattern: str = FIGURE) -> float | None:
    """Return a percentage as a number from 0 to 1; None past 100 %."""
    percent = number(text, pattern)
    return percent / 100 if percent is not None and percent <= 100 else None


def pci_address(text: object) -> str | None:
    """Return a PCI address as the kernel writes it: four digits of domain, lower case."""
    match = _PCI_ADDRESS.search(text) if isinstance(text, str) else None
    if not match:
        return None
    domain = (match[1] or "0000")[-4:]
    return f"{domain}:{match[2]}:{match[3]}.{match[4]}".lower()


def cells(line: str) -> list[str]:
    """Return the cells of a table row drawn with ``|``, without surrounding blanks."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def pairs(text: str) -> dict[str, str]:
    """Return ``Key : value`` lines, the first of each key; values may hold colons."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip():
            values.setdefault(key.strip(), value.strip())
    return values


def rows_under(header: Callable[[list[str]], bool], rows: Iterable[list[str]]) -> Iterator[dict[str, str]]:
    """Yield the rows that have as many cells as the latest header above them, by its names."""
    columns: list[str] = []
    for row in rows:
        if header(row):
            columns = row
        elif columns and len(row) == len(columns):
            yield dict(zip(columns, row, strict=True))


_UNDIVIDED = re.compile(r'("[^"\n]*"\s*:\s*"[^"\n]*")\s*(?=")')


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in ``text``, which tools precede with warnings; empty if there is none.

    Some of Hygon's tools omit the comma between two entries; it is restored.
    """
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(_UNDIVIDED.sub(r"\1, ", text[start:]))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
