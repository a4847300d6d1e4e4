"""Catalogue files, read and checked: every fact has a source and a confidence, every range is ordered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from backends.common import facts
from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located
from profiler.chips.chip import GROUPS, Bounds, Chip, Evidence, Source

CHIPS_SCHEMA = "chipassay.chips/1"
SOURCES_SCHEMA = "chipassay.sources/1"

_DESIGNER = GROUPS["designer"]
_FIELDS = {field.name for field in fields(Chip)} - set(_DESIGNER)
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
    root = facts.document(text, origin, SOURCES_SCHEMA)
    defaults = tuple(facts.record(Evidence, line) for line in root.items("defaults"))
    return SourceTable(facts.table(Source, root, "sources"), defaults)


def read_chips(
    text: str, origin: str, table: SourceTable, sources: dict[str, Source] | None = None
) -> dict[str, tuple[Chip, Located]]:
    """The chips of one file by id, each with the place it stands at.

    The file may bring a ``sources`` table of its own, which is added to ``sources`` if that is given. ``vendor``,
    ``vendor_hq_country`` and ``designer_country`` at the top hold for every entry that does not say otherwise.

    Raises:
        InputError: With file, line and field, for whatever is unknown, missing, unordered or without evidence.
    """
    root = facts.document(text, origin, CHIPS_SCHEMA, ("chips", "sources", *_DESIGNER))
    known = table.sources | (facts.table(Source, root, "sources") if "sources" in root.value else {})
    if sources is not None:
        sources.update(known)
    shared = {key: root.value[key] for key in _DESIGNER if key in root.value}
    places: dict[str, Located] = {}

    def make(entry: Located) -> Chip:
        chip = _chip(entry, shared, SourceTable(known, table.defaults))
        places.setdefault(chip.id, entry)
        return chip

    return {id_: (chip, places[id_]) for id_, chip in facts.records(Chip, root, "chips", make=make).items()}


def _chip(entry: Located, shared: Mapping[str, Any], table: SourceTable) -> Chip:
    chip = facts.record(Chip, entry, {**shared, **entry.value})
    for evidence, line in zip(chip.evidence, entry.items("evidence"), strict=True):
        facts.check_sources(line, evidence.sources, table.sources, repr(evidence.of))
    stated = {evidence.of for evidence in chip.evidence}
    chip = replace(chip, evidence=chip.evidence + tuple(line for line in table.defaults if line.of not in stated))
    _check(chip, entry)
    return chip


def _check(chip: Chip, entry: Located) -> None:
    facts.check_pattern(entry, "pattern", chip.pattern)
    for name in _COUNTRIES:
        code = getattr(chip, name)
        if code is not None and not re.fullmatch("[A-Z]{2}", code):
            raise entry.error(f"{name}: {code!r} is no ISO 3166 alpha-2 code", name)
    facts.check_positive(entry, chip, _POSITIVE)
    for precision, peak in chip.peak_dense_tops.items():
        if not 0 < peak < float("inf"):
            raise entry.error(f"peak_dense_tops: {precision} must be positive, not {peak!r}", "peak_dense_tops")
    for path, bounds in chip.ranges.items():
        _check_range(chip, path, bounds, entry)
    backed = {line.of for line in chip.evidence}
    for path in _facts(chip):
        if path not in backed and path.partition(".")[0] not in backed and not chip.evidence_for(path):
            raise entry.error(f"evidence: {chip.id!r} states {path} without a source and a confidence", path)


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


def file_error(origin: str, why: str) -> InputError:
    """A catalogue file that cannot be opened."""
    return InputError(f"{origin}: {why}; give a YAML file that begins with `schema: {CHIPS_SCHEMA}`")
