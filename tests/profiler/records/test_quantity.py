"""A number never travels alone."""

import math

import pytest

from profiler.records.quantity import GRADES, Quantity


@pytest.mark.parametrize("grade", [grade for grade in GRADES if grade != "unavailable"])
def test_a_value_carries_unit_grade_and_method(grade):
    quantity = Quantity(2.0, "s", grade, "clock", 3, (1.0, 3.0))
    assert (quantity.value, quantity.unit, quantity.grade) == (2.0, "s", grade)


def test_what_could_not_be_had_carries_the_reason():
    quantity = Quantity.unavailable("J", "no meter")
    assert (quantity.value, quantity.grade, quantity.method, quantity.n) == (None, "unavailable", "no meter", 0)


@pytest.mark.parametrize(
    ("value", "grade", "interval", "message"),
    [
        (1.0, "guessed", None, "grade 'guessed' is none of"),
        (None, "measured", None, "has a value or is unavailable"),
        (1.0, "unavailable", None, "has a value or is unavailable"),
        (math.nan, "measured", None, "must be finite"),
        (math.inf, "derived", None, "must be finite"),
        (2.0, "measured", (3.0, 1.0), "upside down"),
    ],
)
def test_a_contradiction_is_refused(value, grade, interval, message):
    with pytest.raises(ValueError, match=message):
        Quantity(value, "s", grade, "clock", 1, interval)


def test_a_quantity_cannot_be_changed():
    with pytest.raises(AttributeError):
        Quantity(1.0, "s", "measured", "clock").value = 2.0
