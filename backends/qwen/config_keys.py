"""Every key of ``config.json`` is read, known to have no effect, refused at another value, or named in the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from backends.common import facts
from backends.common.errors import InputError

SCHEMA = "chipassay.config-keys/1"


class Watched(dict[str, Any]):
    """A mapping that knows which of its keys were asked for, at any depth."""

    def __init__(self, values: dict[str, Any], at: str = "") -> None:
        super().__init__()
        self._at = at
        self._asked: set[str] = set()
        for key, value in values.items():
            self[key] = Watched(value, f"{at}{key}.") if isinstance(value, dict) else value

    def __getitem__(self, key: str) -> Any:
        self._asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._asked.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which counts as asking for it."""
        self._asked.add(key)
        return super().get(key, default)

    def unasked(self) -> Iterator[tuple[str, Any]]:
        """Return every key that nothing asked for, with the path to it, and its value."""
        for key, value in self.items():
            if key not in self._asked:
                yield f"{self._at}{key}", value
            elif isinstance(value, Watched):
                yield from value.unasked()


@dataclass(frozen=True, slots=True)
class _Inert:
    why: str
    keys: tuple[str, ...]
    within: tuple[str, ...] = ()
    """The parts of the configuration where they are without effect; everywhere if empty."""


@dataclass(frozen=True, slots=True)
class _Fixed:
    key: str
    values: tuple[Any, ...]
    why: str


@cache
def _inert() -> tuple[_Inert, ...]:
    root = facts.shipped("backends.qwen", "config_keys.yaml", SCHEMA, ("source", "inert", "fixed"))
    return tuple(facts.records(_Inert, root, "inert", by="why").values())


def _without_effect(path: str) -> bool:
    part, _, key = path.rpartition(".")
    return any(key in entry.keys and _holds(entry.within, part) for entry in _inert())


def _holds(places: tuple[str, ...], part: str) -> bool:
    return not places or any(part == place or part.startswith(f"{place}.") for place in places)


@cache
def _fixed() -> tuple[_Fixed, ...]:
    root = facts.shipped("backends.qwen", "config_keys.yaml", SCHEMA, ("source", "inert", "fixed"))
    return tuple(facts.records(_Fixed, root, "fixed", by="key").values())


def refuse_other_values(path: Path, config: Watched) -> None:
    """Refuse a key whose value makes the model compute something else than the parts here do.

    Raises:
        InputError: Names the key, its value and what is computed instead.
    """
    for place in _language(config):
        for rule in _fixed():
            if rule.key in place and place[rule.key] is not None and place[rule.key] not in rule.values:
                raise InputError(f"{path}: {rule.key} is {place[rule.key]!r}, but {rule.why}")


def _language(config: Watched) -> tuple[Watched, ...]:
    text = config.get("text_config")
    return (config, text) if isinstance(text, Watched) else (config,)


def unread_keys(config: Watched) -> tuple[str, ...]:
    """Return the keys that nothing asked for and that are not known to be without effect, sorted.

    A key that holds nothing (null), or repeats what ``text_config`` says, is left out.
    """
    repeated = config.get("text_config") or {}
    return tuple(
        sorted(
            path
            for path, value in config.unasked()
            if value is not None
            and not _without_effect(path)
            and not (dict.__contains__(repeated, path) and dict.__getitem__(repeated, path) == value)
        )
    )
