"""The one reader of facts that people edit in YAML: it turns checked entries into typed records.

A mistake becomes one line, ``file:line: field: what is wrong``, and names the nearest word that would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located, load_located

T = TypeVar("T")


def shipped(package: str, name: str, schema: str, fields: Sequence[str] = ()) -> Located:
    """Return a document that lies in ``package`` and comes with the project; see :func:`document`."""
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    return document(text, f"{package.rpartition('.')[2]}/{name}", schema, fields)


def document(text: str, origin: str, schema: str, fields: Sequence[str] = ()) -> Located:
    """Return the top mapping of a document.

    Args:
        text: The YAML.
        origin: The file's name, for error messages.
        schema: What its ``schema`` must be.
        fields: What it may hold besides ``schema``; anything if empty.

    Raises:
        InputError: The text is no YAML mapping, or has another schema or an unknown field.
    """
    root = load_located(text, origin)
    if root.value.get("schema") != schema:
        raise root.error(f"schema: must be {schema!r}, found {root.value.get('schema')!r}", "schema")
    if fields:
        check_fields(root, root.value, ("schema", *fields))
    return root


def record(kind: type[T], entry: Located, value: Mapping[str, Any] | None = None) -> T:
    """Return an entry as ``kind``, a dataclass.

    ``value`` takes the place of what the entry holds, where the caller adds to it or replaces part of it.

    Raises:
        InputError: A field is unknown, missing or of the wrong type, at any depth.
    """
    given = dict(entry.value if value is None else value)
    _check(entry, "", given, _shape(kind))  # type: ignore[arg-type]
    try:
        return msgspec.convert(given, kind, dec_hook=_as_is)
    except msgspec.ValidationError as error:
        raise _located(entry, given, str(error)) from error


def records(
    kind: type[T], root: Located, key: str, by: str = "id", make: Callable[[Located], T] | None = None
) -> dict[str, T]:
    """Return the list under ``key`` as records by their field ``by``, in the order of the file.

    ``make`` makes a record from an entry; without it :func:`record` does.

    Raises:
        InputError: An entry is malformed, or two have the same ``by``.
    """
    result: dict[str, T] = {}
    for entry in root.items(key):
        made = make(entry) if make else record(kind, entry)
        name: str = getattr(made, by)
        if name in result:
            raise entry.error(f"{by}: {name!r} appears twice", by)
        result[name] = made
    return result


def table(kind: type[T], root: Located, key: str) -> dict[str, T]:
    """Return the mapping of names to entries under ``key`` as records.

    Raises:
        InputError: It is no such mapping, or an entry is malformed.
    """
    entries = root.value.get(key)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise root.error(f"{key}: must map names to entries", key)
    return {name: record(kind, root.within(entry)) for name, entry in entries.items()}


def check_fields(place: Located, value: Mapping[Any, Any], known: Collection[str]) -> None:
    """Refuse a field that is not ``known``."""
    for key in value:
        if key not in known:
            raise place.error(str(unknown("field", str(key), known)), key)


def check_sources(
    place: Located, names: Collection[Any], known: Collection[str] | None = None, what: str = "it"
) -> None:
    """Refuse a fact without a source, and a source that the table, if there is one, does not list."""
    key = "sources" if "sources" in place.value else "source"
    if not names:
        raise place.error(f"{key}: {what} has no source; every fact needs one", key)
    for name in names:
        if known is not None and name not in known:
            near = str(unknown("source", str(name), known)).partition("known are")[0]
            raise place.error(f"{key}: {near}add it to the table of sources", key)


def check_positive(place: Located, made: Any, names: Iterable[str]) -> None:
    """Refuse a figure of ``made`` that is not a positive, finite number; None passes."""
    for name in names:
        figure = getattr(made, name)
        if figure is not None and not 0 < figure < float("inf"):
            raise place.error(f"{name}: must be positive, not {figure!r}", name)


def check_pattern(place: Located, key: str, pattern: str) -> None:
    """Refuse text that is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise place.error(f"{key}: {pattern!r} is no regular expression: {error}", key) from error


@cache
def _shape(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


def _check(place: Located, key: str, value: Any, shape: inspect.Type) -> None:
    """Check that every mapping that becomes a record has the record's fields, and every word of a set is of the set."""
    if isinstance(shape, inspect.UnionType) and value is not None:
        for each in shape.types:
            _check(place, key, value, each)
    elif isinstance(shape, inspect.LiteralType) and value not in shape.values:
        raise place.error(f"{key}: {unknown('value', str(value), map(str, shape.values))}", key)
    elif isinstance(value, dict) and isinstance(shape, inspect.DataclassType):
        check_fields(place, value, [field.name for field in shape.fields])
        for field in shape.fields:
            if field.name in value:
                _check(_inner(place, value[field.name]), field.name, value[field.name], field.type)
            elif field.required:
                name = value.get("id") or value.get("name")
                raise place.error(f"{field.name}: is missing from {name!r}" if name else f"{field.name}: is missing")
    elif isinstance(value, dict) and isinstance(shape, inspect.DictType):
        for name, each in value.items():
            _check(place, name, name, shape.key_type)
            _check(_inner(place, each), name, each, shape.value_type)
    elif isinstance(value, list) and isinstance(shape, inspect.CollectionType):
        for each in value:
            _check(_inner(place, each), key, each, shape.item_type)


def _inner(place: Located, value: Any) -> Located:
    return place.within(value) if isinstance(value, dict) else place


def _located(place: Located, given: Any, message: str) -> InputError:
    """Return a validation error of msgspec, which ends in a path like ``$.sources[0].where``, with its line."""
    what, _, path = message.partition(" - at `")
    path = path[path.find("$") :].strip("`$.")
    key, value = "", given
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path.partition("[...]")[0]):
        if name:
            place, key = place if value is given else _inner(place, value), name
        value = value[int(index)] if index else value.get(name)
    return place.error(f"{path or 'entry'}: {what}", key)


def _as_is(kind: type, value: Any) -> Any:
    """Keep a value that is of its kind already; msgspec asks this of kinds that it does not know."""
    if isinstance(value, kind):
        return value
    raise NotImplementedError  # how a hook tells msgspec that the value has the wrong type
