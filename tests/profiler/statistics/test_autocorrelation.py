"""Repetitions that hang together are worth fewer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.statistics.autocorrelation import FEWEST, effective_samples, lag_one
from profiler.statistics.intervals import median_ci95

FIGURES = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40)


def wandering(random, count, correlation):
    values = random.standard_normal(count)
    for at in range(1, count):
        values[at] = correlation * values[at - 1] + math.sqrt(1 - correlation**2) * values[at]
    return np.exp(0.05 * values).tolist()


@settings(deadline=None)
@given(FIGURES)
def test_a_series_is_worth_between_one_and_its_length_whichever_way_it_is_read(samples):
    worth = effective_samples(samples)
    assert 1 <= worth <= len(samples)
    assert effective_samples(samples[::-1]) == pytest.approx(worth)


@settings(deadline=None)
@given(FIGURES, st.integers(-10, 10))
def test_a_change_of_unit_changes_nothing(samples, exponent):
    assert effective_samples([value * 2.0**exponent for value in samples]) == pytest.approx(effective_samples(samples))


@pytest.mark.parametrize("samples", [[3.0] * 20, [1.0], [0.1 + 0.2] * 9])
def test_a_series_without_spread_counts_in_full(samples):
    assert lag_one(samples) == 0
    assert effective_samples(samples) == len(samples)


def test_a_drift_is_worth_little_and_alternation_no_more_than_its_length():
    assert effective_samples([1.0 + 0.01 * at for at in range(30)]) < 5
    assert effective_samples([1.0, 2.0] * 15) == 30


@pytest.mark.parametrize("count", range(1, FEWEST))
def test_too_short_a_series_says_nothing_about_itself(count):
    assert effective_samples([float(at + 1) for at in range(count)]) == count


@pytest.mark.parametrize(("correlation", "low", "high"), [(0.0, 55, 60), (0.5, 14, 30), (0.8, 3, 12)])
def test_the_worth_of_a_first_order_series_is_found(correlation, low, high):
    """60 values are worth 60 (1 - r) / (1 + r): 60, 20 and 6.7."""
    random = np.random.default_rng(3)
    found = [effective_samples(wandering(random, 60, correlation)) for _ in range(200)]
    assert low <= float(np.mean(found)) <= high


def test_intervals_of_hanging_repetitions_cover_more_often_than_independent_ones_would():
    """With r = 0.7, a bootstrap that takes 40 repetitions as independent covers the median two times in three."""
    random = np.random.default_rng(5)
    covered = naive = 0
    for _ in range(300):
        samples = wandering(random, 40, 0.7)
        low, high = median_ci95(samples)
        covered += low <= 1 <= high
        low, high = median_ci95(np.random.default_rng(1).permutation(samples).tolist())
        naive += low <= 1 <= high
    assert covered >= 0.85 * 300
    assert naive <= 0.75 * 300
