"""A figure that cannot be true is kept raw and concludes nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.metrics.catalogue import METRICS
from profiler.records.plausibility import (
    ABOVE_CEILING,
    NEGATIVE,
    NOISE,
    ZERO,
    code_of,
    impossible,
    is_utilisation,
    plausible,
)
from profiler.records.quantity import Quantity


def share(value, ci95=None):
    return Quantity(value, "1", "derived", "needed over the ceiling", 7, ci95)


@pytest.mark.parametrize(
    ("name", "figure", "code"),
    [
        ("mfu", share(1.79, (1.7, 1.9)), ABOVE_CEILING),
        ("mfu", share(1.79), ABOVE_CEILING),
        ("image_mfu", share(1.79), ABOVE_CEILING),
        ("mbu", share(1.02, (0.97, 1.06)), ""),
        ("mbu", share(1.04), ""),
        ("mbu", share(0.9, (0.88, 0.92)), ""),
        ("decode_throughput", Quantity(-3.0, "tok/s", "derived", "x"), NEGATIVE),
        ("mean_power", Quantity(0.0, "W", "measured", "x"), ZERO),
        ("peak_allocated_memory", Quantity(0.0, "B", "measured", "x"), ""),
        ("decode_throughput", Quantity(1.79, "tok/s", "derived", "x"), ""),
    ],
)
def test_what_cannot_be_is_marked_and_what_noise_explains_is_not(name, figure, code):
    taken = plausible(name, figure)
    assert code_of(taken) == code
    if code:
        assert (taken.value, taken.grade, taken.raw) == (None, "unavailable", figure.value)
        assert taken.method.startswith(f"{code}: ") and taken.method.endswith(figure.method)
    else:
        assert taken == figure


@given(
    st.sampled_from(("mbu", "mfu")),
    st.floats(0.01, 50),
    st.one_of(st.none(), st.tuples(st.floats(0.5, 1), st.floats(1, 2))),
)  # fmt: skip
def test_no_utilisation_above_its_ceiling_beyond_its_noise_is_a_figure(name, value, around):
    figure = share(value, around and (value * around[0], value * around[1]))
    taken = plausible(name, figure)
    if taken.value is not None:
        assert (taken.ci95[0] if taken.ci95 else taken.value / (1 + NOISE)) <= 1
    else:
        assert taken.raw == value
    assert plausible(name, taken) == taken


def test_the_law_holds_for_every_metric_that_is_a_utilisation():
    named = {metric.name for metric in METRICS if "utilisation" in metric.__doc__}
    assert {metric.name for metric in METRICS if is_utilisation(metric.name)} == named != set()


def test_an_unavailable_figure_stays_as_it_is():
    none = Quantity.unavailable("1", "no ceiling")
    assert plausible("mbu", none) == none
    assert code_of(none) == ""


def test_what_is_no_number_has_no_raw_value():
    marked = impossible(Quantity.unavailable("s", "TTFT"), "not_finite", "division by zero")
    assert marked.raw is None and not any(isinstance(x, float) and math.isnan(x) for x in (marked.value, marked.raw))
