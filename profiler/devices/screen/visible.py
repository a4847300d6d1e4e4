"""Environment variables that hide and renumber a maker's devices, such as ``ASCEND_RT_VISIBLE_DEVICES``."""

from __future__ import annotations

from collections.abc import Mapping


def visible_number(accelerator: str, variables: tuple[str, ...], environment: Mapping[str, str]) -> int | str:
    """Return the maker's number of the device that PyTorch calls ``accelerator``, or why it is unknown."""
    number = int(accelerator.partition(":")[2] or 0)
    given = {name: environment[name] for name in variables if name in environment}
    if not given:
        return number
    if len(set(given.values())) > 1:
        return f"{' and '.join(given)} both renumber the devices; set one of them"
    (name, *_), (value, *_) = given, given.values()
    shown = _entries(value)
    if number >= len(shown):
        return f"{accelerator} does not exist: {name} shows {len(shown)}"
    if not (shown[number].isascii() and shown[number].isdecimal()):
        return f"{name} names devices by {shown[number]!r}; give their numbers"
    return int(shown[number])


def count_visible(listed: int, variables: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Count the devices that frameworks see, of ``listed`` ones."""
    value = next((environment[name] for name in variables if name in environment), None)
    return listed if value is None else len(_entries(value))


def _entries(value: str) -> list[str]:
    """The devices up to the first blank entry, which ends the list."""
    entries = [entry.strip() for entry in value.split(",")]
    return entries[: entries.index("")] if "" in entries else entries
