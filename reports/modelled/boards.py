"""Published results of real boards beside what the compiler's schedule says of them, where there are any."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from reports.comparison import Group, Row
from reports.modelled.wording import compiled_of


def board_results(row: Row, group: Group) -> list[Any]:
    """The ratios of modelled to published speed, each with its source."""
    if find_spec("reports.board_check") is None:
        return []
    check = import_module("reports.board_check").board_check
    found: list[Any] = check(compiled_of(row), group.model.spec, group.workload, row.record.precision)
    return found
