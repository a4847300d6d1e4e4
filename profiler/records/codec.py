"""Records to JSON and back, checked against their types, and their published JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backends.common.errors import InputError
from profiler.records.ceilings import Ceilings
from profiler.records.host import Host
from profiler.records.index import BundleIndex
from profiler.records.reference import ReferenceRecord
from profiler.records.target import TargetRecord

T = TypeVar("T")

DOCUMENTS: dict[str, type] = {
    "bundle": BundleIndex,
    "target": TargetRecord,
    "host": Host,
    "ceilings": Ceilings,
    "reference": ReferenceRecord,
}
"""The JSON documents of a run bundle by the name their schema is published under."""


def encode(value: object) -> bytes:
    """Indented JSON with a final newline; the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def decode(data: bytes, kind: type[T], origin: Path | str) -> T:
    """Read ``data`` as ``kind``; the error names the file and the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError(f"{origin} is not a valid {kind.__name__}: {error}") from error


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one document of a run bundle."""
    schema = msgspec.json.schema(DOCUMENTS[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"chipassay {name} 1", **schema}
