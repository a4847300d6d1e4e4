"""``host.json``: the machine a bundle was made on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the machine and where it comes from; None where it could not be read (``unread`` says why)."""

    kind: str
    name: str
    vendor: str | None = None
    designer_country: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine a bundle was made on. ``fingerprint`` is a digest of what makes two machines performance-alike."""

    fingerprint: str
    components: tuple[Component, ...]
    unread: dict[str, str]
    """Part -> why it could not be read."""
