"""A fall of a counter is told for what it is."""

from hypothesis import given
from hypothesis import strategies as st

from profiler.devices.metering.counter import Counter
from profiler.devices.metering.faults import BACKWARDS, RESET, WRAPPED

MODULI = (1 << 32, 1 << 64)


def test_a_fall_from_the_top_to_the_bottom_is_a_wrap_and_is_undone():
    counter = Counter((1 << 32) - 100, MODULI)
    assert counter.advance(50) == WRAPPED
    assert counter.total == 150
    counter = Counter((1 << 64) - 1, MODULI)
    assert (counter.advance(0), counter.total) == (WRAPPED, 1)


def test_a_fall_to_almost_nothing_is_a_reset_and_adds_nothing():
    counter = Counter(2_000_000_000, MODULI)
    counter.advance(2_000_000_100)
    assert counter.advance(5_000) == RESET
    assert counter.total == 100
    assert counter.advance(6_000) == ""
    assert counter.total == 1_100


def test_a_small_fall_is_a_step_backwards():
    counter = Counter(2_000_000_000, MODULI)
    assert counter.advance(1_999_999_000) == BACKWARDS
    assert counter.total == 0


def test_a_counter_of_known_range_can_only_wrap():
    counter = Counter(500, (1000,), always=True)
    assert (counter.advance(400), counter.total) == (WRAPPED, 900)


@given(first=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(0, 2**28), max_size=40))
def test_whatever_was_drawn_is_added_up_over_any_number_of_wraps(first, steps):
    counter, true = Counter(first, (1 << 32, 1 << 64)), first
    for step in steps:
        true += step
        assert counter.advance(true % (1 << 32)) in ("", WRAPPED)
    assert counter.total == true - first
