"""The budget file: limits that hold whatever the baseline says, in TOML.

::

    [budgets]                         # for every target
    grades = ["measured", "derived"]  # figures that may decide; others count as unavailable
    unavailable = "fail"              # or "pass", "skip": what an unavailable figure does
    decode_throughput = ">= 8 tok/s"
    peak_memory = "<= 4 GB"
    "parity.top1" = ">= 0.99"
    "dependence.throughput" = "<= 0.5"

    [budgets."onnx-cpu@int4"]         # for one target: adds to and replaces the lines above
    "parity.top1" = ">= 75 %"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from backends.common.errors import InputError
from profiler.metrics.catalogue import METRICS
from profiler.records.quantity import GRADES, Grade
from reports.gate.units import parse_figure

Policy = Literal["fail", "pass", "skip"]
Operator = Literal[">=", "<=", ">", "<"]

PARITY = "parity.top1"
DEPENDENCE = ("dependence.throughput", "dependence.energy")
UNITS: dict[str, str] = {metric.name: metric.unit for metric in METRICS} | dict.fromkeys((PARITY, *DEPENDENCE), "1")
"""What a budget may limit, with the unit it is kept in."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LIMIT = re.compile(r"\s*(>=|<=|>|<)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Limit:
    """One line: ``value`` in the metric's own unit; ``text`` is as written, ``origin`` names file and key."""

    metric: str
    operator: Operator
    value: float
    text: str
    origin: str

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps within the limit."""
        return {
            ">=": value >= self.value, "<=": value <= self.value, ">": value > self.value, "<": value < self.value,
        }[self.operator]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The limits of one target, or of all, and how figures are admitted to them."""

    limits: dict[str, Limit]
    grades: tuple[Grade, ...] = ("measured", "derived")
    unavailable: Policy = "fail"


@dataclass(frozen=True, slots=True)
class Budgets:
    """The whole file: what holds for every target, and what single targets have instead."""

    path: str
    every: Rulebook
    single: dict[str, Rulebook]

    def of(self, target: str) -> Rulebook:
        """What ``target`` must keep."""
        return self.single.get(target, self.every)


def read_budgets(path: Path, targets: Iterable[str]) -> Budgets:
    """Read a budget file for a run with ``targets``.

    Raises:
        InputError: With file and key, for anything that it does not understand.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"--budgets {path} cannot be read: {reason}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    return _Reading(str(path)).budgets(document, tuple(targets))


class _Reading:
    """One file being read; its errors name the file and the key."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def budgets(self, document: Mapping[str, Any], targets: tuple[str, ...]) -> Budgets:
        for key in document:
            if key != "budgets":
                raise self._error((key,), f"unknown table {key!r}: everything stands under [budgets]")
        table = document.get("budgets")
        if not isinstance(table, dict) or not table:
            raise InputError(f"{self._origin} sets no budget: begin with [budgets]")
        own = {key: value for key, value in table.items() if not isinstance(value, dict)}
        nested = {key: value for key, value in table.items() if isinstance(value, dict)}
        # [budgets] parity.top1 = ... without quotes makes a nested table; the meaning is clear.
        for name in ("parity", "dependence"):
            for key, value in nested.pop(name, {}).items():
                own[f"{name}.{key}"] = value
        every = self._rules(own, ("budgets",), Rulebook({}))
        single = {}
        for name, entries in nested.items():
            if name not in targets:
                raise self._error(("budgets", name), f"{_unknown('target', name, targets)}")
            single[name] = self._rules(entries, ("budgets", name), every)
        return Budgets(self._origin, every, single)

    def _rules(self, entries: Mapping[str, Any], path: tuple[str, ...], base: Rulebook) -> Rulebook:
        rules = replace(base, limits=dict(base.limits))
        for key, value in entries.items():
            where = (*path, key)
            if key == "grades":
                rules = replace(rules, grades=self._grades(value, where))
            elif key == "unavailable":
                if value not in get_args(Policy):
                    raise self._error(where, f'unavailable is {value!r}: it must be "fail", "pass" or "skip"')
                rules = replace(rules, unavailable=value)
            elif key in DEPENDENCE and len(path) > 1:
                raise self._error(where, f"{key} belongs to the whole run: put it under [budgets]")
            elif key not in UNITS:
                raise self._error(where, _unknown("metric", key, (*UNITS, "grades", "unavailable")))
            else:
                rules.limits[key] = self._limit(key, value, where)
        return rules

    def _grades(self, value: Any, where: tuple[str, ...]) -> tuple[Grade, ...]:
        known = [grade for grade in GRADES if grade != "unavailable"]
        if not isinstance(value, list) or not value or any(one not in known for one in value):
            raise self._error(where, f"grades is {value!r}: it must list some of {', '.join(known)}")
        return tuple(value)

    def _limit(self, metric: str, value: Any, where: tuple[str, ...]) -> Limit:
        found = _LIMIT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self._error(where, f'{metric} is {value!r}: write a limit such as ">= 8 tok/s", with >=, <=, > or <')
        operator: Any = found.group(1)
        try:
            limit = parse_figure(found.group(2), UNITS[metric])
        except ValueError as error:
            raise self._error(where, f"{metric} {value!r}: {error}") from None
        return Limit(metric, operator, limit, value.strip(), self._place(where))

    def _place(self, path: tuple[str, ...]) -> str:
        """Return the file and the dotted key, quoted as TOML asks for it."""
        keys = (key if _BARE_KEY.fullmatch(key) else f'"{key}"' for key in path)
        return f"{self._origin}: {'.'.join(keys)}"

    def _error(self, path: tuple[str, ...], message: str) -> InputError:
        return InputError(f"{self._place(path)}: {message}")


def _unknown(kind: str, given: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {given!r}: {hint}known are {', '.join(names)}"
