"""YAML that keeps the line of each mapping and key, so that an error can point at it.

Built from the parser's events: with libyaml that is several times faster than constructing through PyYAML's loaders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from backends.common.errors import InputError

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Located:
    """A mapping and the line it begins on (from 1)."""

    value: dict[str, Any]
    line: int
    lines: dict[int, int]
    origin: str
    key_lines: dict[tuple[int, Any], int] = field(default_factory=dict)

    def items(self, key: str) -> Iterator[Located]:
        """Iterate over the mappings in the list under ``key``."""
        entries = self.value.get(key)
        if not isinstance(entries, list):
            raise InputError(f"{self.origin}:{self.line}: {key!r} must be a list")
        for entry in entries:
            if not isinstance(entry, dict):
                raise InputError(f"{self.origin}:{self.line}: {key!r} must list mappings, found {entry!r}")
            yield self.within(entry)

    def within(self, mapping: dict[str, Any]) -> Located:
        """Return a mapping of the same document with its line."""
        line = self.lines.get(id(mapping), self.line)
        return Located(mapping, line, self.lines, self.origin, self.key_lines)

    def line_of(self, key: str) -> int:
        """Return the line of ``key``; the mapping's first line if it has no such key."""
        return self.key_lines.get((id(self.value), key), self.line)

    def error(self, message: str, key: str = "") -> InputError:
        """Return an error that points at ``key`` of this mapping, or at the mapping."""
        return InputError(f"{self.origin}:{self.line_of(key)}: {message}")


def load_located(text: str, origin: str) -> Located:
    """Return the document's top mapping.

    Raises:
        InputError: The text is not valid; with file and line.
    """
    try:
        builder = _Builder(text, origin)
        value = builder.document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{origin}:{line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{origin}:1: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise InputError(f"{origin}:1: the document must be a mapping")
    return Located(value, builder.lines.get(id(value), 1), builder.lines, origin, builder.key_lines)


class _Builder:
    """Builds plain Python values from parser events; refuses duplicate keys and anything the safe loader refuses."""

    def __init__(self, text: str, origin: str) -> None:
        self.origin = origin
        self.lines: dict[int, int] = {}
        self.key_lines: dict[tuple[int, Any], int] = {}
        self._loader = _Loader(text)
        self._next = self._loader.get_event
        self._scalars: dict[tuple[str | None, str], Any] = {}
        self._special = {first for first in self._loader.yaml_implicit_resolvers if first}
        """First characters of plain scalars that may be something else than text."""
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        """Return the value of the one document, None if there is none."""
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next())
        self._next()  # the document ends
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            raise InputError(f"{self.origin}:{event.start_mark.line + 1}: a file may hold one document only")
        return value

    def _value(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise self._invalid(event, f"undefined alias {event.anchor!r}")
            return self._anchors[event.anchor]
        elif event.tag not in _COLLECTION_TAGS:
            raise self._invalid(event, f"the tag {event.tag!r} is not allowed")
        elif kind is yaml.MappingStartEvent:
            value = self._mapping(event)
        else:
            value = []
            while type(item := self._next()) is not yaml.SequenceEndEvent:
                value.append(self._value(item))
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self, event: Any) -> dict[Any, Any]:
        value: dict[Any, Any] = {}
        identity = id(value)
        self.lines[identity] = event.start_mark.line + 1
        while type(item := self._next()) is not yaml.MappingEndEvent:
            key = self._value(item)
            line = item.start_mark.line + 1
            if type(key) in (dict, list) or key == "<<":
                raise self._invalid(item, f"{key!r} cannot be a key here")
            if key in value:
                raise InputError(f"{self.origin}:{line}: {key!r} stands twice in one mapping")
            self.key_lines[identity, key] = line
            value[key] = self._value(self._next())
        return value

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag: str | None = event.tag
        if tag is None and (not event.implicit[0] or (text and text[0] not in self._special)):
            return text
        known = self._scalars.get((tag, text), self)
        if known is not self:
            return known
        node_tag = self._loader.resolve(yaml.ScalarNode, text, event.implicit) if tag in (None, "!") else tag
        node = yaml.ScalarNode(node_tag, text, event.start_mark, event.end_mark)
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:
            raise self._invalid(event, f"{text!r}: {error}") from error
        self._scalars[tag, text] = value
        return value

    def _invalid(self, event: Any, why: str) -> InputError:
        return InputError(f"{self.origin}:{event.start_mark.line + 1}: not valid YAML: {why}")
