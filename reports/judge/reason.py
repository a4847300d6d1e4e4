"""Why a judgement is open, or what its reader must know: a code with values. The report words it in its language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """``code`` is the end of a message's key, ``values`` fill its placeholders; several texts are a tuple."""

    code: str
    values: dict[str, Any] = field(default_factory=dict, hash=False)
