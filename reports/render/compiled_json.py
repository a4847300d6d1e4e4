"""What ``report.json`` holds of a modelled target beyond its metrics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reports.document.sections.boards import board_documents
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.processor import host_processor


def compiled_document(row: Row, group: Group) -> dict[str, Any] | None:
    """The vendor's own figures of every graph, what they leave out, and published results of boards beside them."""
    if not row.modelled:
        return None
    host = host_processor(row.record, row.bundle.host)
    return {
        **asdict(row.compiled),
        "simulated_on": host.name if host else None,
        "board_results": board_documents(row, group),
    }
