"""On which line of a TOML file each key stands: the standard library reads TOML, but does not tell."""

from __future__ import annotations

import tomllib
from typing import Any

Path = tuple[str, ...]


def key_lines(text: str) -> dict[Path, int]:
    """Full key path -> line, from 1; tables are listed with the line of their header."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = _only_path(stripped)
            if header is not None:
                table = header
                found.setdefault(table, number)
            continue
        # A value may go on over several lines, so only the key is read.
        key = _only_path(f"{_before_equals(line)}= 0") if "=" in line else None
        if key is not None:
            found.setdefault((*table, *key), number)
    return found


def _before_equals(line: str) -> str:
    """What stands before the first equals sign outside quotes."""
    quote = ""
    for at, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "=":
            return line[:at]
    return line


def _only_path(statement: str) -> Path | None:
    """The path a header or a key makes; None for what is neither, such as the inside of a long array."""
    try:
        value: Any = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(value, (dict, list)) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        key, value = next(iter(value.items()))
        path.append(key)
    return tuple(path) or None
