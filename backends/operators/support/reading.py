"""Reads and checks ``operators.yaml`` of each vendor's folder; an error names file and line."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from backends.common.beside import files_beside_backends
from backends.common.errors import InputError, unknown
from backends.common.yaml_lines import Located, load_located
from backends.operators.placement import Evidence, Where
from backends.operators.support.lists import Declared, Mode, Observed, Probe, Probed, Support

SCHEMA = "chipassay.operator-support/1"

FILE = "operators.yaml"
"""Beside the backend that it speaks of."""

_WHERES: tuple[str, ...] = get_args(Where)
_EVIDENCES: tuple[str, ...] = get_args(Evidence)


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
    """The toolchain called ``name``, and ``mode`` if it has it.

    Raises:
        InputError: With the nearest name, if there is no such toolchain or mode.
    """
    known = supports()
    one = next((one for one in known.values() if name == one.toolchain or name in one.also_called), None)
    if one is None:
        raise unknown("toolchain", name, known)
    if mode and mode not in (names := [each.name for each in one.modes if each.name]):
        if not names:
            raise InputError(f"{one.toolchain} has no modes: leave {mode!r} out")
        raise unknown(f"mode of {one.toolchain}", mode, names)
    return one, mode


def load_support(text: str, origin: str) -> Support:
    """One toolchain from YAML."""
    root = load_located(text, origin)
    _keys(root, {"schema", "toolchain", "vendor", "version", "sources", "modes"},
          {"also_called", "chips", "notes", "traps", "probes"})  # fmt: skip
    if root.value["schema"] != SCHEMA:
        raise root.error(f"schema must be {SCHEMA!r}, found {root.value['schema']!r}", "schema")
    sources = root.value["sources"]
    if not isinstance(sources, dict) or not all(isinstance(text, str) for text in sources.values()):
        raise root.error("'sources' must map keys to texts", "sources")
    modes = tuple(_mode(entry, sources) for entry in root.items("modes"))
    if len({mode.name for mode in modes}) < max(1, len(modes)):
        raise root.error("'modes' must list at least one mode, and each name once", "modes")
    return Support(
        toolchain=_text(root, "toolchain"),
        vendor=_text(root, "vendor"),
        version=_text(root, "version"),
        modes=modes,
        sources=sources,
        also_called=_names(root, "also_called"),
        chips=_names(root, "chips"),
        notes=tuple(_note(entry, sources) for entry in (root.items("notes") if "notes" in root.value else ())),
        traps=_names(root, "traps"),
        probes=_probes(root, modes),
    )


def _mode(entry: Located, sources: dict[str, str]) -> Mode:
    _keys(entry, {"name"}, {"title", "precisions", "host_needs_declaration", "declared", "observed", "probed"})
    value = entry.value
    strict = value.get("host_needs_declaration", False)
    if not isinstance(strict, bool):
        raise entry.error("'host_needs_declaration' must be true or false", "host_needs_declaration")
    declared = _declared(_inner(entry, "declared"), sources) if "declared" in value else None
    observed = tuple(_observed(one, sources) for one in entry.items("observed")) if "observed" in value else ()
    probed = _probed(_inner(entry, "probed"), sources) if "probed" in value else None
    if declared is None and not observed:
        raise entry.error("a mode needs 'declared' or 'observed'")
    return Mode(
        _text(entry, "name", empty=True), value.get("title", ""), _names(entry, "precisions"), declared, observed,
        probed, strict,
    )  # fmt: skip


def _declared(entry: Located, sources: dict[str, str]) -> Declared:
    _keys(entry, {"source", "where", "absent", "operators"}, {"restricted", "vendor_operators"})
    restricted = entry.value.get("restricted", {})
    if not isinstance(restricted, dict):
        raise entry.error("'restricted' must map operators to conditions", "restricted")
    return Declared(
        _source(entry, sources), _where(entry, "where", entry.value["where"]),
        _where(entry, "absent", entry.value["absent"]), frozenset(_names(entry, "operators")), restricted,
    )  # fmt: skip


def _observed(entry: Located, sources: dict[str, str]) -> Observed:
    _keys(entry, {"source"}, {"evidence", "chips", "note", *_WHERES})
    where: dict[str, Where] = {}
    for place in get_args(Where):
        for operator in _names(entry, place):
            if operator in where:
                raise entry.error(f"{operator!r} stands in two places", place)
            where[operator] = place
    evidence = _evidence(entry, entry.value.get("evidence", "compiled"))
    return Observed(
        _source(entry, sources), evidence, where, _names(entry, "chips"), _text(entry, "note", empty=True)
    )  # fmt: skip


def _probed(entry: Located, sources: dict[str, str]) -> Probed:
    _keys(entry, {"source", "evidence", "where"}, set())
    inner = _inner(entry, "where")
    where = {result: _where(inner, result, place) for result, place in inner.value.items()}
    return Probed(_source(entry, sources), _evidence(entry, entry.value["evidence"]), where)


def _probes(root: Located, modes: tuple[Mode, ...]) -> tuple[Probe, ...]:
    if "probes" not in root.value:
        return ()
    asked = [mode for mode in modes if mode.probed is not None]
    section, found = _inner(root, "probes"), []
    for case in section.value:
        entry = _inner(section, case)
        value = dict(entry.value)
        operator, form = value.pop("of", case), value.pop("form", "")
        results = {"": value.pop("result")} if "result" in value else {}
        results |= {mode.name: value.pop(mode.name) for mode in asked if mode.name in value}
        for mode in asked:
            result = results.get(mode.name, results.get(""))
            assert mode.probed is not None
            if result not in mode.probed.where:
                known = ", ".join(mode.probed.where)
                raise entry.error(f"{case}: the result must be one of {known}, found {result!r}", "result")
        found.append(Probe(case, operator, results, form, value))
    return tuple(found)


def _note(entry: Located, sources: dict[str, str]) -> tuple[frozenset[str], str]:
    _keys(entry, {"operators", "note"}, {"source"})
    if "source" in entry.value:
        _source(entry, sources)
    return frozenset(_names(entry, "operators")), _text(entry, "note")


def _keys(entry: Located, required: set[str], optional: set[str]) -> None:
    if lacking := sorted(required - set(entry.value)):
        raise entry.error(f"lacks {', '.join(lacking)}")
    for key in entry.value:
        if key not in required | optional:
            raise entry.error(f"unknown key {key!r}: known are {', '.join(sorted(required | optional))}", key)


def _inner(entry: Located, key: str) -> Located:
    inner = entry.value[key]
    if not isinstance(inner, dict):
        raise entry.error(f"{key!r} must be a mapping", key)
    return entry.within(inner)


def _text(entry: Located, key: str, *, empty: bool = False) -> str:
    value = entry.value.get(key, "" if empty else None)
    if not isinstance(value, str) or not (value or empty):
        raise entry.error(f"{key!r} must be text, found {value!r}", key)
    return value


def _names(entry: Located, key: str) -> tuple[str, ...]:
    value = entry.value.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise entry.error(f"{key!r} must list texts", key)
    if len(set(value)) < len(value):
        twice = next(name for name in value if value.count(name) > 1)
        raise entry.error(f"{key!r} has {twice!r} twice", key)
    return tuple(value)


def _source(entry: Located, sources: dict[str, str]) -> str:
    key = _text(entry, "source")
    if key not in sources:
        raise entry.error(f"unknown source {key!r}: known are {', '.join(sources)}", "source")
    return key


def _where(entry: Located, key: str, value: Any) -> Where:
    if value not in _WHERES:
        raise entry.error(f"{key!r} must be one of {', '.join(_WHERES)}, found {value!r}", key)
    place: Where = value
    return place


def _evidence(entry: Located, value: Any) -> Evidence:
    if value not in _EVIDENCES:
        raise entry.error(f"'evidence' must be one of {', '.join(_EVIDENCES)}, found {value!r}", "evidence")
    evidence: Evidence = value
    return evidence
