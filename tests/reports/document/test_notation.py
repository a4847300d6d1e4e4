"""Numbers as people read them."""

from __future__ import annotations

import pytest

from profiler.records.quantity import Quantity
from reports.document import notation


def written(value, unit, ci95=None, grade="measured"):
    figure = Quantity(value, unit, grade, "how", 9, ci95)
    return notation.quantity(figure).replace(notation.THIN_SPACE, " "), notation.interval(figure)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10.912, "tok/s", "10.9 tok/s"),
        (0.0921, "s", "92.1 ms"),
        (1.4218, "s", "1.42 s"),
        (3_370_000_000, "B", "3.37 GB"),
        (0.8983, "1", "89.8 %"),
        (28.6e9, "B/s", "28.6 GB/s"),
        (1.34e11, "FLOP/s", "134 GFLOP/s"),
        (12345.0, "tok/s", "12 345 tok/s"),
        (2.1e-11, "nats", "2.10 × 10⁻¹¹ nats"),
        (0.0, "tok/s", "0 tok/s"),
    ],
)
def test_three_digits_a_unit_and_thousands(value, unit, text):
    assert written(value, unit)[0] == text


def test_an_interval_does_not_collapse_into_its_value():
    text, interval = written(111.4, "tok/s", (111.2, 111.4))
    assert text == "111.4 tok/s"
    assert interval == "111.2–111.4"


def test_grades_that_are_not_measured_are_marked():
    assert written(3.0, "J", grade="modelled")[0] == "≈3.00 J"
    assert written(3.0, "J", grade="declared")[0] == "†3.00 J"
    assert written(3.0, "J", grade="derived")[0] == "3.00 J"
    assert notation.quantity(Quantity.unavailable("J", "no meter")) == "—"


def test_a_ratio_shows_its_interval():
    assert notation.times(1.4912, (1.451, 1.523)) == "1.49× (1.45–1.52)"
    assert notation.times(1.4912, None) == "1.49×"
