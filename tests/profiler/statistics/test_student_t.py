"""Student's t against printed tables and against what it must do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.statistics.student_t import t_quantile, t_within

# Percentage points of the t distribution as printed in any table: degrees, two-sided confidence, t.
TABLE = [
    (1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.99, 5.841), (4, 0.99, 4.604), (5, 0.95, 2.571), (10, 0.99, 3.169),
    (13, 0.95, 2.160), (15, 0.998, 3.733), (30, 0.999, 3.646), (120, 0.95, 1.980),
]  # fmt: skip


@pytest.mark.parametrize(("degrees", "confidence", "expected"), TABLE)
def test_the_printed_table_is_met(degrees, confidence, expected):
    assert t_quantile(confidence, degrees) == pytest.approx(expected, abs=6e-4)


@given(st.floats(0, 0.9999), st.integers(1, 200))
def test_quantile_and_probability_are_inverse(confidence, degrees):
    assert t_within(t_quantile(confidence, degrees), degrees) == pytest.approx(confidence, abs=1e-9)


@given(st.floats(0.01, 0.999), st.integers(1, 100))
def test_more_degrees_make_the_tails_lighter(confidence, degrees):
    assert t_quantile(confidence, degrees + 1) <= t_quantile(confidence, degrees)


def test_one_degree_is_cauchy():
    assert t_within(1.0, 1) == pytest.approx(0.5)
    assert t_within(math.tan(math.pi / 2 * 0.9), 1) == pytest.approx(0.9)


@pytest.mark.parametrize(("confidence", "degrees"), [(1.0, 4), (-0.1, 4), (0.9, 0)])
def test_what_has_no_quantile_is_refused(confidence, degrees):
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(confidence, degrees)
