"""YAML that remembers on which line each mapping stood, so that a mistake can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from backends.errors import InputError


@dataclass(frozen=True, slots=True)
class Located:
    """A mapping and the line it begins on (from 1)."""

    value: dict[str, Any]
    line: int
    lines: dict[int, int]
    origin: str

    def items(self, key: str) -> Iterator[Located]:
        """The mappings in the list under ``key``."""
        entries = self.value.get(key)
        if not isinstance(entries, list):
            raise InputError(f"{self.origin}:{self.line}: {key!r} must be a list")
        for entry in entries:
            if not isinstance(entry, dict):
                raise InputError(f"{self.origin}:{self.line}: {key!r} must list mappings, found {entry!r}")
            yield Located(entry, self.lines.get(id(entry), self.line), self.lines, self.origin)


def load_located(text: str, origin: str) -> Located:
    """The document's top mapping; raises :class:`InputError` with file and line if it is not valid."""

    class Loader(yaml.SafeLoader):
        """Safe, refuses duplicate keys, and notes each mapping's line by identity."""

    lines: dict[int, int] = {}

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
        value: dict[Any, Any] = {}
        lines[id(value)] = node.start_mark.line + 1
        yield value
        for key_node, _ in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in value:
                raise InputError(f"{origin}:{key_node.start_mark.line + 1}: {key!r} stands twice in one mapping")
            value[key] = None
        value.update(loader.construct_mapping(node, deep=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        value = yaml.load(text, Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{origin}:{line}: not valid YAML: {error.problem}") from error
    if not isinstance(value, dict):
        raise InputError(f"{origin}:1: the document must be a mapping")
    return Located(value, lines.get(id(value), 1), lines, origin)
