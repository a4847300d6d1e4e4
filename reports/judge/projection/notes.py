"""What a reader must know of one projected chip, as messages: the report says them in its language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reports.document.language import ENGLISH, Words


@dataclass(frozen=True, slots=True)
class Note:
    """``key`` is the ending of a message ``projection.note.*``, ``values`` fill its placeholders."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, say: Words = ENGLISH) -> str:
        """The note as a clause without a full stop."""
        return say(f"projection.note.{self.key}", **self.values)
