"""Reads and checks ``operators.yaml`` of each vendor's folder; an error names file and line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args

from backends.common.beside import files_beside_backends
from backends.common.errors import InputError, unknown
from backends.common.facts import check_sources, document, record, records
from backends.common.yaml_lines import Located
from backends.operators.placement import Where
from backends.operators.support.lists import Mode, Note, Observed, Probe, Support

SCHEMA = "chipassay.operator-support/1"

FILE = "operators.yaml"
"""Beside the backend that it speaks of."""

_WHERES: tuple[Where, ...] = get_args(Where)


@dataclass(frozen=True, slots=True)
class _Places:
    """The operators of an observation by where they run."""

    accelerator: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@cache
def supports() -> dict[str, Support]:
    """Return every toolchain by its name."""
    known: dict[str, Support] = {}
    for _, path in files_beside_backends(FILE):
        support = load_support(path.read_text(encoding="utf-8"), str(path))
        if support.toolchain in known:
            raise InputError(f"{path}:1: the toolchain {support.toolchain!r} has another file too")
        known[support.toolchain] = support
    return known


def find_support(name: str, mode: str = "") -> tuple[Support, str]:
    """Return the toolchain called ``name``, and ``mode`` if it has it.

    Raises:
        InputError: There is no such toolchain or mode; with the nearest name.
    """
    known = supports()
    support = next((each for each in known.values() if name == each.toolchain or name in each.also_called), None)
    if support is None:
        raise unknown("toolchain", name, known)
    if mode and mode not in (names := [each.name for each in support.modes if each.name]):
        if not names:
            raise InputError(f"{support.toolchain} has no modes: leave {mode!r} out")
        raise unknown(f"mode of {support.toolchain}", mode, names)
    return support, mode


def load_support(text: str, origin: str) -> Support:
    """Read one toolchain from YAML."""
    root = document(text, origin, SCHEMA)
    plain = {key: value for key, value in root.value.items() if key not in ("schema", "notes", "probes")}
    support = record(Support, root, {**plain, "modes": []})
    modes = tuple(records(Mode, root, "modes", "name", lambda entry: _mode(entry, support.sources)).values())
    if not modes:
        raise root.error("modes: must list at least one", "modes")
    return replace(support, modes=modes, notes=_notes(root, support.sources), probes=_probes(root, modes))


def _mode(entry: Located, sources: dict[str, str]) -> Mode:
    mode = record(Mode, entry, {key: value for key, value in entry.value.items() if key != "observed"})
    for key in ("declared", "probed"):
        if key in entry.value:
            _check(entry.within(entry.value[key]), sources)
    observed = [_observed(place, sources) for place in entry.items("observed")] if "observed" in entry.value else []
    if mode.declared is None and not observed:
        raise entry.error("a mode needs 'declared' or 'observed'")
    return replace(mode, observed=tuple(observed))


def _observed(entry: Located, sources: dict[str, str]) -> Observed:
    """An entry lists operators under the places where they run."""
    places = record(_Places, entry, {place: entry.value[place] for place in _WHERES if place in entry.value})
    _check(entry, sources)
    where: dict[str, Where] = {}
    for place in _WHERES:
        for operator in getattr(places, place):
            if operator in where:
                raise entry.error(f"{operator!r} stands in two places", place)
            where[operator] = place
    rest = {key: value for key, value in entry.value.items() if key not in _WHERES}
    return record(Observed, entry, {"evidence": "compiled", **rest, "where": where})


def _notes(root: Located, sources: dict[str, str]) -> tuple[Note, ...]:
    entries = list(root.items("notes")) if "notes" in root.value else []
    notes = tuple(record(Note, entry) for entry in entries)
    for entry in entries:
        _check(entry, sources if "source" in entry.value else None)
    return notes


def _probes(root: Located, modes: tuple[Mode, ...]) -> tuple[Probe, ...]:
    """Read the results of each case: one for all modes, or one by mode."""
    section, probes = root.value.get("probes", {}), []
    if not isinstance(section, dict) or not all(isinstance(given, dict) for given in section.values()):
        raise root.error("probes: must map each case to a mapping", "probes")
    for case, given in section.items():
        entry, value = root.within(given), dict(given)
        operator, form = value.pop("of", case), value.pop("form", "")
        results = {"": value.pop("result")} if "result" in value else {}
        for mode in modes:
            if mode.probed is None:
                continue
            if mode.name in value:
                results[mode.name] = value.pop(mode.name)
            result = results.get(mode.name, results.get(""))
            if result not in mode.probed.where:
                known = ", ".join(mode.probed.where)
                raise entry.error(f"result: {case} must have one of {known}, found {result!r}", "result")
        probes.append(Probe(case, operator, results, form, value))
    return tuple(probes)


def _check(entry: Located, sources: dict[str, str] | None) -> None:
    """Refuse an unknown source, and an operator that a list has twice."""
    if sources is not None:
        check_sources(entry, [entry.value["source"]] if "source" in entry.value else [], sources)
    for key, names in entry.value.items():
        if isinstance(names, list) and len(set(names)) < len(names):
            twice: Any = next(name for name in names if names.count(name) > 1)
            raise entry.error(f"{key}: has {twice!r} twice", key)
