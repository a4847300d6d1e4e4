"""Software stacks: how an engine runs a model, as far as the time model must know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from backends.common import facts
from backends.common.errors import unknown
from backends.common.yaml_lines import Located
from reports.judge.projection.data import document


@dataclass(frozen=True, slots=True)
class Stack:
    """One entry of ``stacks.yaml``, which says what the fields mean."""

    id: str
    family: str
    pattern: str
    launch: Literal["captured", "eager"]
    source: str
    captured_tokens: int | None = None
    parallel: Literal["tensor", "pipeline"] = "tensor"
    attention: Literal["grouped", "repeated"] = "grouped"
    logits: Literal["last", "all"] = "last"
    max_sequences: int = 256
    kv_bits: float | None = None
    vendors: tuple[str, ...] = ()


@cache
def stacks() -> dict[str, Stack]:
    """Every stack by its id, in the order in which patterns are tried."""
    return facts.records(Stack, document("stacks.yaml", "stacks"), "stacks", make=_stack)


def _stack(entry: Located) -> Stack:
    stack = facts.record(Stack, entry)
    facts.check_pattern(entry, "pattern", stack.pattern)
    return stack


def stack_of(framework: str, version: str = "", phase: str = "") -> Stack:
    """The stack that a published row names."""
    text = f"{framework}; {version}; {phase}".casefold()
    return next(stack for stack in stacks().values() if re.search(stack.pattern, text))


def find_stack(name: str) -> Stack:
    """The stack a user means.

    Raises:
        InputError: If there is none, with the nearest name.
    """
    if name not in stacks():
        raise unknown("stack", name, stacks())
    return stacks()[name]


def default_stack(vendor: str) -> Stack:
    """The stack assumed for a vendor's chips unless the user names one."""
    return next((stack for stack in stacks().values() if vendor in stack.vendors), stacks()["generic"])
