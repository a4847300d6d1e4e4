"""Records to JSON and back, checked against their types, and their published JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backends.common.errors import InputError
from profiler.records.ceilings import Ceilings
from profiler.records.host import Host
from profiler.records.index import BUNDLE_SCHEMA, BundleIndex
from profiler.records.reference import ReferenceRecord
from profiler.records.target import RECORD_SCHEMA, TargetRecord
from profiler.records.upgrade import upgraded

T = TypeVar("T")

DOCUMENTS: dict[str, type] = {
    "bundle-2": BundleIndex,
    "target-2": TargetRecord,
    "host-1": Host,
    "ceilings-1": Ceilings,
    "reference-1": ReferenceRecord,
}
"""The JSON documents of a run bundle by the name and version their schema is published under."""

_VERSIONED: dict[type, str] = {BundleIndex: BUNDLE_SCHEMA, TargetRecord: RECORD_SCHEMA}


def encode(value: object) -> bytes:
    """Indented JSON with a final newline; the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def decode(data: bytes, kind: type[T], origin: Path | str) -> T:
    """Return ``data`` as ``kind``; documents of earlier schemas are upgraded.

    Raises:
        InputError: With the file and the field, if it is no such document or one of a newer schema.
    """
    current = _VERSIONED.get(kind)
    try:
        if current is None:
            return msgspec.json.decode(data, type=kind)
        document = msgspec.json.decode(data, type=dict[str, Any])
        return msgspec.convert(upgraded(document, current, origin), kind)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{origin} is not a valid {kind.__name__}: {why}") from error


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one document of a run bundle."""
    schema = msgspec.json.schema(DOCUMENTS[name])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"chipassay {name.replace('-', ' ')}",
        **schema,
    }
