"""What is computed of a group once, for all formats of a report."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

from reports.judge.comparison.comparison import Comparison, Group

Found = TypeVar("Found")


class _Key:
    """A group in its comparison, by identity."""

    def __init__(self, group: Group, comparison: Comparison) -> None:
        self.group, self.comparison = group, comparison

    def __hash__(self) -> int:
        return hash((id(self.group), id(self.comparison)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.group is other.group and self.comparison is other.comparison


def once_a_group(compute: Callable[[Group, Comparison], Found]) -> Callable[[Group, Comparison], Found]:
    """``compute``, whose answers for the latest groups are remembered."""

    @lru_cache(maxsize=64)
    def remembered(key: _Key) -> Found:
        return compute(key.group, key.comparison)

    @wraps(compute)
    def answer(group: Group, comparison: Comparison) -> Found:
        return remembered(_Key(group, comparison))

    return answer
