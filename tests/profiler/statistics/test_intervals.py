"""Bootstrap intervals of a median."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.statistics import intervals
from profiler.statistics.intervals import (
    MIN_FOR_INTERVAL,
    median_ci95,
    relative_half_width,
    resampled_medians,
    resampled_together,
)
from profiler.statistics.medians import median

FIGURES = st.floats(1e-6, 1e9, allow_nan=False)
SAMPLES = st.lists(FIGURES, min_size=MIN_FOR_INTERVAL, max_size=20)


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_the_interval_contains_the_median_and_lies_within_the_samples(samples):
    low, high = median_ci95(samples)
    assert min(samples) <= low <= median(samples) <= high <= max(samples)


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_a_series_read_backwards_has_the_same_interval(samples):
    assert median_ci95(samples[::-1]) == median_ci95(samples)


def test_the_same_samples_as_a_drift_are_known_less_well_than_in_any_order():
    drift = [1 + 0.01 * at for at in range(24)]
    mixed = drift[::2] + drift[1::2][::-1]
    mixed = [mixed[(7 * at) % 24] for at in range(24)]
    assert sorted(mixed) == drift
    assert relative_half_width(drift) > 1.5 * relative_half_width(mixed)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(-20, 20))
def test_a_change_of_unit_changes_the_interval_with_it(samples, exponent):
    factor = 2.0**exponent
    low, high = median_ci95(samples)
    assert median_ci95([factor * value for value in samples]) == pytest.approx((factor * low, factor * high), rel=1e-12)
    assert relative_half_width([factor * value for value in samples]) == pytest.approx(relative_half_width(samples))


@pytest.mark.parametrize("count", range(1, MIN_FOR_INTERVAL))
def test_too_few_samples_give_no_interval_rather_than_a_narrow_one(count):
    assert median_ci95([1.0] * count) is None
    assert relative_half_width([1.0] * count) is None


def test_six_is_the_fewest_that_can_carry_95_percent():
    assert 1 - 2 * 0.5**MIN_FOR_INTERVAL >= 0.95 > 1 - 2 * 0.5 ** (MIN_FOR_INTERVAL - 1)


def test_equal_samples_give_an_interval_without_width():
    assert median_ci95([3.5] * 8) == (3.5, 3.5)
    assert relative_half_width([3.5] * 8) == 0


def test_a_median_of_zero_has_no_relative_width():
    assert relative_half_width([0.0] * 8) is None


@pytest.mark.parametrize(("samples", "middle"), [([3.0], 3), ([1.0, 9.0, 2.0], 2), ([1.0, 2.0, 3.0, 10.0], 2.5)])
def test_the_median_is_the_middle_or_the_mean_of_the_two_middle_ones(samples, middle):
    assert median(samples) == middle


@pytest.mark.parametrize("count", [8, 15])
def test_about_95_percent_of_intervals_cover_the_true_median(count):
    random = np.random.default_rng(20)
    trials = 300
    covered = 0
    for _ in range(trials):
        low, high = median_ci95(random.lognormal(0, 0.5, count))
        covered += low <= 1.0 <= high
    assert 0.90 <= covered / trials <= 0.99


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=9), min_size=1, max_size=3))
def test_shared_draws_give_what_drawing_in_turn_gives(series):
    random = np.random.default_rng(0)
    for together, samples in zip(resampled_together(*series), series, strict=True):
        assert np.array_equal(together, resampled_medians(samples, random))


def test_series_of_the_same_sizes_are_drawn_once():
    intervals._middle_draws.cache_clear()
    for scale in range(1, 50):
        resampled_together([scale * value for value in (3, 1, 2, 5, 4, 6, 7)], [scale * value for value in (2, 1, 3)])
    assert intervals._middle_draws.cache_info().misses <= 2
