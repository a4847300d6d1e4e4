"""The compiler's own table of operators: the final MLIR, from which the instructions are generated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.common.errors import WorkerError

_FUNCTION = re.compile(r"func\.func @(?P<name>\w+)\(.*#tpu<run_mode (?P<mode>\w+)>")
_ANY_FUNCTION = re.compile(r"func\.func @(?P<name>\w+)\(")
_OPERATOR = re.compile(r'"tpu\.(?P<name>\w+)"\(')
_OPERATOR_END = re.compile(r"\bloc\((?P<location>#loc\d*)\)\s*$")
_LOCATION = re.compile(r'^(?P<key>#loc\d*) = loc\("(?P<name>.*)"(?:\(.*\))?\)\s*$')
_FUSED = re.compile(r"^(?P<key>#loc\d*) = loc\(fused(?:<.*>)?\[(?P<parts>[^\]]*)\]\)")

_BRACKETS = {"Load", "Yield", "Group"}
"""Weights and results brought in, and brackets around operators that share the local memory; no work of a model."""

STORE = "Store"
"""Writes a result out under the result's own name; on the way it may transpose it."""


@dataclass(frozen=True, slots=True)
class CompiledOperator:
    """One operator of the program; ``results`` are the names of what it computes, ``on_chip`` says where it runs."""

    name: str
    results: tuple[str, ...]
    on_chip: bool


def read_operators(text: str) -> tuple[CompiledOperator, ...]:
    """Every operator that computes or stores, in the order of the program.

    Raises:
        WorkerError: The text has no function with a run mode, or no operator.
    """
    lines = text.splitlines()
    names = _location_names(lines)
    found: list[CompiledOperator] = []
    mode = ""
    for line in lines:
        if _ANY_FUNCTION.search(line):
            function = _FUNCTION.search(line)
            mode = function["mode"] if function else ""
            continue
        operator = _OPERATOR.search(line)
        if operator is None or not mode or operator["name"] in _BRACKETS:
            continue
        end = _OPERATOR_END.search(line)
        results = names.get(end["location"], ()) if end else ()
        on_chip = mode.startswith("TPU") and operator["name"] != "GenericCpu"
        found.append(CompiledOperator(operator["name"], results, on_chip))
    if not found:
        raise WorkerError(
            "tpu-mlir's final MLIR has no operator in a function with a run mode: a version we do not know?"
        )
    return tuple(found)


def _location_names(lines: list[str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    fused: dict[str, list[str]] = {}
    for line in lines:
        if plain := _LOCATION.match(line):
            names[plain["key"]] = (plain["name"],)
        elif several := _FUSED.match(line):
            fused[several["key"]] = [part.strip() for part in several["parts"].split(",")]
    for key, parts in fused.items():
        names[key] = tuple(name for part in parts for name in names.get(part, ()))
    return names
