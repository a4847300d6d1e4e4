"""The JSON Schemas of what the gate writes, published in ``reports/schemas``."""

from __future__ import annotations

from typing import Any

import msgspec

from reports.gate.baseline import Baseline
from reports.gate.result import CheckResult

DOCUMENTS: dict[str, type] = {"baseline": Baseline, "check": CheckResult}
"""By the name of the file, ``reports/schemas/NAME-1.json``."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one document."""
    schema = msgspec.json.schema(DOCUMENTS[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"chipassay {name} 1", **schema}
