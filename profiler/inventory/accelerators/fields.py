"""Taking figures out of what tools print; what is not a figure gives None."""

from __future__ import annotations

import json
import re
from typing import Any

_NOTHING = {"", "-", "na", "n/a", "none", "null", "unknown", "/", "[n/a]", "not supported", "[not supported]"}
_PCI_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")


def told(text: object) -> str | None:
    """The text without blanks around it, or None for the ways of tools to say nothing."""
    value = str(text).strip() if isinstance(text, str | int | float) else ""
    return None if value.casefold() in _NOTHING else value


def number(text: object, pattern: str = r"(\d+(?:\.\d+)?)") -> float | None:
    """The first figure that ``pattern`` captures in ``text``."""
    found = re.search(pattern, text) if isinstance(text, str) else None
    return float(found[1]) if found and len(found[1]) < 20 else None


def mebibytes(text: object, pattern: str = r"(\d+)") -> int | None:
    """Bytes from a count of MiB (tools print "MB" and mean MiB)."""
    found = number(text, pattern)
    return int(found) << 20 if found is not None else None


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


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``, which tools precede with warnings; empty where there is none."""
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def present(details: dict[str, Any]) -> dict[str, Any]:
    """``details`` without what is not known."""
    return {key: value for key, value in details.items() if value is not None}
