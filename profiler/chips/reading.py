"""Catalogue files, read and checked: every fact has a source and a confidence, every range is ordered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import msgspec

from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located, load_located
from profiler.chips.chip import GROUPS, Bounds, Chip, Cpu, Evidence, Source

CHIPS_SCHEMA = "chipassay.chips/1"
SOURCES_SCHEMA = "chipassay.sources/1"

_DESIGNER = GROUPS["designer"]
_FIELDS = {field.name for field in fields(Chip)} - set(_DESIGNER)
_REQUIRED = {f.name for f in fields(Chip) if f.default is MISSING and f.default_factory is MISSING} - set(_DESIGNER)
_CPU_FIELDS = {field.name for field in fields(Cpu)}
_RANGE_ONLY = {"published_tpp_estimates", "fp32_vector_tflops", "cuda_cores"}
"""Figures that are known as a range and have no field of their own."""

_NOT_FACTS = {"evidence", "notes", "published_note", "ranges", "peak_dense_tops"}
_COUNTRIES = ("foundry_country", *_DESIGNER[1:])
_POSITIVE = (
    "process_nm", "dies_per_package", "die_area_mm2", "transistors_billion", "memory_gb", "memory_bandwidth_gb_s",
    "interconnect_bidir_gb_s", "tdp_w", "gpu_fp32_tflops", "published_tpp", "published_pd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Sources by key, and the evidence of facts that entries do not source one by one."""

    sources: dict[str, Source]
    defaults: tuple[Evidence, ...]


def read_sources(text: str, origin: str) -> SourceTable:
    """The shared table of sources."""
    root = load_located(text, origin)
    _expect_schema(root, SOURCES_SCHEMA)
    return SourceTable(_sources(root), tuple(_evidence(line) for line in root.items("defaults")))


def read_chips(
    text: str, origin: str, table: SourceTable, sources: dict[str, Source] | None = None
) -> dict[str, tuple[Chip, Located]]:
    """The chips of one file by id, each with the place it stands at.

    The file may bring a ``sources`` table of its own, which is added to ``sources`` if that is given. ``vendor``,
    ``vendor_hq_country`` and ``designer_country`` at the top hold for every entry that does not say otherwise.

    Raises:
        InputError: With file, line and field, for whatever is unknown, missing, unordered or without evidence.
    """
    root = load_located(text, origin)
    _expect_schema(root, CHIPS_SCHEMA)
    for key in root.value:
        if key not in ("schema", "chips", "sources", *_DESIGNER):
            raise root.error(str(unknown("field", str(key), ("schema", "chips", "sources", *_DESIGNER))), key)
    known = table.sources | (_sources(root) if "sources" in root.value else {})
    if sources is not None:
        sources.update(known)
    shared = {key: root.value[key] for key in _DESIGNER if key in root.value}
    found: dict[str, tuple[Chip, Located]] = {}
    for entry in root.items("chips"):
        chip = _chip(entry, shared, SourceTable(known, table.defaults))
        if chip.id in found:
            raise entry.error(f"id: {chip.id!r} appears twice", "id")
        found[chip.id] = (chip, entry)
    return found


def _expect_schema(root: Located, schema: str) -> None:
    if root.value.get("schema") != schema:
        raise root.error(f"schema: must be {schema!r}, found {root.value.get('schema')!r}", "schema")


def _sources(root: Located) -> dict[str, Source]:
    try:
        return msgspec.convert(root.value.get("sources"), dict[str, Source])
    except msgspec.ValidationError as error:
        raise root.error(f"sources: {error}", "sources") from error


def _evidence(line: Located) -> Evidence:
    for key in line.value:
        if key not in ("of", "sources", "confidence", "note"):
            raise line.error(f"evidence: unknown field {key!r}", str(key))
    try:
        return msgspec.convert(line.value, Evidence)
    except msgspec.ValidationError as error:
        raise line.error(f"evidence: {error}", _key_of(error)) from error


def _chip(entry: Located, shared: Mapping[str, Any], table: SourceTable) -> Chip:
    value = entry.value
    for key in value:
        if key not in _FIELDS and key not in _DESIGNER:
            raise entry.error(str(unknown("field", str(key), _FIELDS)), key)
    for name in sorted(_REQUIRED - set(value)):
        raise entry.error(f"{name}: is missing from {value.get('id', 'this entry')!r}")
    if not isinstance(value["evidence"], list):
        raise entry.error("evidence: must be a list of {of, sources, confidence}", "evidence")
    lines = [(_evidence(line), line) for line in entry.items("evidence")]
    for evidence, line in lines:
        _check_sources(evidence, line, table.sources)
    inherited = tuple(line for line in table.defaults if line.of not in {e.of for e, _ in lines})
    try:
        chip = msgspec.convert(
            {**shared, **value, "evidence": [*(e for e, _ in lines), *inherited]}, Chip, from_attributes=True
        )
    except msgspec.ValidationError as error:
        raise entry.error(f"{_key_of(error) or 'entry'}: {error}", _key_of(error)) from error
    _check(chip, entry)
    return chip


def _check_sources(evidence: Evidence, line: Located, sources: Mapping[str, Source]) -> None:
    if not evidence.sources:
        raise line.error(f"evidence: {evidence.of!r} names no source; every fact needs one", "sources")
    for key in evidence.sources:
        if key not in sources:
            near = str(unknown("source", key, sources)).split("known are")[0]
            raise line.error(f"sources: {near}add it to the file's `sources` table", "sources")


def _check(chip: Chip, entry: Located) -> None:
    try:
        re.compile(chip.pattern)
    except re.error as error:
        raise entry.error(f"pattern: {chip.pattern!r} is no regular expression: {error}", "pattern") from error
    for name in _COUNTRIES:
        code = getattr(chip, name)
        if code is not None and not re.fullmatch("[A-Z]{2}", code):
            raise entry.error(f"{name}: {code!r} is no ISO 3166 alpha-2 code", name)
    for name in _POSITIVE:
        figure = getattr(chip, name)
        if figure is not None and not 0 < figure < float("inf"):
            raise entry.error(f"{name}: must be positive, not {figure!r}", name)
    for precision, peak in chip.peak_dense_tops.items():
        if not 0 < peak < float("inf"):
            raise entry.error(f"peak_dense_tops: {precision} must be positive, not {peak!r}", "peak_dense_tops")
    _check_cpu(entry)
    for path, bounds in chip.ranges.items():
        _check_range(chip, path, bounds, entry)
    backed = {line.of for line in chip.evidence}
    for path in _facts(chip):
        if path not in backed and path.partition(".")[0] not in backed and not chip.evidence_for(path):
            raise entry.error(f"evidence: {chip.id!r} states {path} without a source and a confidence", path)


def _check_cpu(entry: Located) -> None:
    cpu = entry.value.get("cpu")
    if not isinstance(cpu, dict):
        return
    for key in cpu:
        if key not in _CPU_FIELDS:
            raise entry.within(cpu).error(f"cpu: {unknown('field', str(key), _CPU_FIELDS)}", key)


def _check_range(chip: Chip, path: str, bounds: Bounds, entry: Located) -> None:
    low, high = bounds
    place = entry.within(entry.value["ranges"])
    name, _, key = path.partition(".")
    if path not in _RANGE_ONLY and (name not in _FIELDS or (key and name not in ("peak_dense_tops", "cpu"))):
        raise place.error(f"ranges: {unknown('field', path, _FIELDS)}", path)
    if low is None and high is None:
        raise place.error(f"ranges: {path} is open at both ends; leave it out", path)
    if (low is not None and low < 0) or (low is not None and high is not None and low > high):
        raise place.error(f"ranges: {path} must be [low, high] with low <= high, not [{low}, {high}]", path)
    value = None
    if path not in _RANGE_ONLY:
        value = getattr(chip, name)
        if key:
            value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
    if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        raise place.error(f"ranges: {path} = {value} lies outside its own range [{low}, {high}]", path)


def _facts(chip: Chip) -> Iterator[str]:
    for field in fields(Chip):
        if field.name not in _NOT_FACTS and getattr(chip, field.name) not in (None, (), {}):
            yield field.name
    yield from (f"peak_dense_tops.{precision}" for precision in chip.peak_dense_tops)
    yield from chip.ranges


def _key_of(error: msgspec.ValidationError) -> str:
    """The field a validation error speaks of."""
    found = re.search(r"`\$\.(\w+)", str(error)) or re.search(r"field `(\w+)`", str(error))
    return found[1] if found else ""


def file_error(origin: str, why: str) -> InputError:
    """A catalogue file that cannot be opened."""
    return InputError(f"{origin}: {why}; give a YAML file that begins with `schema: {CHIPS_SCHEMA}`")
