"""Taking figures out of what tools print; what is not a figure gives None."""

from __future__ import annotations

import json
import re
from typing import Any

_NOTHING = {"", "-", "na", "n/a", "none", "null", "unknown", "/", "[n/a]", "not supported", "[not supported]"}
FIGURE = r"(?<![\w.,\-])(\d+(?:\.\d+)?)(?![\d.,])"
"""A decimal number, whole: never a part of a longer or a negative one."""

COUNT = r"(?<![\w.,\-])(\d+)(?![\d.,])"
"""Likewise a whole number."""

MOST_POWER_W = 10_000.0
MOST_TEMPERATURE_C = 200.0
_PCI_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")


def told(text: object) -> str | None:
    """The text without blanks around it, or None for the ways of tools to say nothing."""
    value = str(text).strip() if isinstance(text, str | int | float) else ""
    return None if value.casefold() in _NOTHING else value


def number(text: object, pattern: str = FIGURE) -> float | None:
    """The first figure that ``pattern`` captures in ``text``."""
    found = re.search(pattern, text, re.ASCII) if isinstance(text, str) else None
    return float(found[1]) if found and len(found[1]) < 20 else None


def mebibytes(text: object, pattern: str = COUNT) -> int | None:
    """Bytes from a count of MiB (tools print "MB" and mean MiB)."""
    found = number(text, pattern)
    return int(found) << 20 if found is not None else None


def watts(text: object, pattern: str = FIGURE) -> float | None:
    """A power in watts; figures that no card draws stand for "not known" (65535 is one that was seen)."""
    found = number(text, pattern)
    return found if found is not None and found < MOST_POWER_W else None


def celsius(text: object, pattern: str = FIGURE) -> float | None:
    """A temperature in degrees Celsius; none that silicon does not survive."""
    found = number(text, pattern)
    return found if found is not None and found < MOST_TEMPERATURE_C else None


def share(text: object, pattern: str = FIGURE) -> float | None:
    """A percentage as a number from 0 to 1; None past 100 %."""
    found = number(text, pattern)
    return found / 100 if found is not None and found <= 100 else None


def pci_address(text: object) -> str | None:
    """A PCI address as the kernel writes it: four digits of domain, lower case."""
    found = _PCI_ADDRESS.search(text) if isinstance(text, str) else None
    if not found:
        return None
    domain = (found[1] or "0000")[-4:]
    return f"{domain}:{found[2]}:{found[3]}.{found[4]}".lower()


def cells(line: str) -> list[str]:
    """The cells of a table row drawn with ``|``, without blanks around them."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def pairs(text: str) -> dict[str, str]:
    """``Key : value`` lines, the first of each key; values may hold colons."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() and key.strip() not in found:
            found[key.strip()] = value.strip()
    return found


_UNDIVIDED = re.compile(r'("[^"\n]*"\s*:\s*"[^"\n]*")\s*(?=")')


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``, which tools precede with warnings; empty where there is none.

    Some of Hygon's tools leave out the comma between two entries; it is put back.
    """
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(_UNDIVIDED.sub(r"\1, ", text[start:]))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def present(details: dict[str, Any]) -> dict[str, Any]:
    """``details`` without what is not known."""
    return {key: value for key, value in details.items() if value is not None}
