"""What a check of the machine takes, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from profiler.host.files import Files

Status = Literal["good", "improve", "unknown"]
"""``improve``: following ``remedy`` gives better or steadier figures. ``unknown``: the state cannot be read."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's files and the environment that workers would inherit."""

    files: Files = field(default_factory=Files)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One property of the machine: its state, and what to do (empty unless ``status`` is ``improve``)."""

    name: str
    status: Status
    found: str
    remedy: str = ""
