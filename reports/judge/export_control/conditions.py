"""Conditions of the rules: read from data, evaluated exactly where everything is known, and leaf by leaf where not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from backends.common.errors import unknown
from backends.common.yaml_lines import Located
from reports.judge.export_control.figures import Interval

Scalar = Fraction | bool | str
Domain = Interval | tuple[Scalar, ...]
"""What a metric may be: an interval of numbers, or one of several values."""

World = Mapping[str, Scalar]
"""One possible state of affairs: a definite value for every metric that a condition reads."""

Truth = Literal["true", "false", "unknown"]

_OPERATORS = (">=", ">", "<", "<=", "==", "in")


@dataclass(frozen=True, slots=True)
class Leaf:
    """``metric op value``; ``paragraph`` is the part of the entry it belongs to."""

    metric: str
    op: str
    value: Scalar | tuple[Scalar, ...]
    paragraph: str = ""

    def holds(self, world: World) -> bool:
        """Whether it is true where every metric has a definite value."""
        return _compare(world[self.metric], self.op, self.value)

    def over(self, domain: Domain) -> Truth:
        """Whether it is true of all, none or some of the values the metric may have."""
        if isinstance(domain, tuple):
            found = {_compare(value, self.op, self.value) for value in domain}
        else:
            assert isinstance(self.value, Fraction)
            found = {_compare(value, self.op, self.value) for value in domain.points((self.value,))}
        if len(found) > 1:
            return "unknown"
        return "true" if found == {True} else "false"


@dataclass(frozen=True, slots=True)
class All:
    """True if every part is."""

    parts: tuple[Condition, ...]

    def holds(self, world: World) -> bool:
        """Whether it is true where every metric has a definite value."""
        return all(part.holds(world) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - the word is the rules'
    """True if some part is."""

    parts: tuple[Condition, ...]

    def holds(self, world: World) -> bool:
        """Whether it is true where every metric has a definite value."""
        return any(part.holds(world) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """True if its part is false."""

    part: Condition

    def holds(self, world: World) -> bool:
        """Whether it is true where every metric has a definite value."""
        return not self.part.holds(world)


Condition = Leaf | All | Any_ | Not


def leaves(condition: Condition | None) -> Iterator[Leaf]:
    """Every comparison in a condition, in the order of the text."""
    match condition:
        case None:
            return
        case Leaf():
            yield condition
        case Not(part):
            yield from leaves(part)
        case All(parts) | Any_(parts):
            for part in parts:
                yield from leaves(part)


def read_condition(place: Located, metrics: Mapping[str, Any]) -> Condition:
    """A condition from data.

    Raises:
        InputError: With file, line and field, for an unknown metric, operator or combinator.
    """
    value = place.value
    if len(value) == 1 and (word := next(iter(value))) in ("all", "any", "not"):
        if word == "not":
            if not isinstance(value["not"], dict):
                raise place.error("not: must hold one condition", "not")
            return Not(read_condition(place.within(value["not"]), metrics))
        parts = tuple(read_condition(part, metrics) for part in place.items(word))
        if not parts:
            raise place.error(f"{word}: must hold at least one condition", word)
        return All(parts) if word == "all" else Any_(parts)
    strange = set(value) - {"metric", "op", "value", "paragraph"}
    if strange or not {"metric", "op", "value"} <= set(value):
        raise place.error(f"a condition is {{metric, op, value}}, or one of all, any, not; found {sorted(value)}")
    metric, op, line = value["metric"], value["op"], value["value"]
    if metric not in metrics:
        raise place.error(str(unknown("metric", str(metric), metrics)), "metric")
    if op not in _OPERATORS:
        raise place.error(str(unknown("operator", str(op), _OPERATORS)), "op")
    if (op == "in") != isinstance(line, list) or (op not in ("==", "in") and (isinstance(line, (bool, str)))):
        raise place.error(f"value: {line!r} cannot be compared with {op!r}", "value")
    return Leaf(metric, op, tuple(line) if op == "in" else _scalar(line), value.get("paragraph", ""))


def _scalar(value: Any) -> Scalar:
    return value if isinstance(value, (bool, str)) else Fraction(str(value))


def _compare(left: Any, op: str, right: Any) -> bool:
    match op:
        case ">=":
            return bool(left >= right)
        case ">":
            return bool(left > right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case "==":
            return bool(left == right)
        case _:
            return left in right
