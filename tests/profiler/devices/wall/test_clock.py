"""The wall meter's clock against ours: whatever they are apart, readings come to lie where they were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.devices.wall.clock import Receipt, reconcile
from profiler.devices.wall.source import WallRow

S = 1_000_000_000
BEGIN_NS = 5_000 * S


def received(true_s, theirs_s, delay_s, fresh=True):
    at_ns = BEGIN_NS + round((true_s + delay_s) * S)
    return Receipt(WallRow(theirs_s, 80.0), at_ns, at_ns, fresh)


def error_s(found, true_s):
    return max(abs(p.at_ns - BEGIN_NS - t * S) / S for p, t in zip(found.readings, true_s, strict=True))


@given(
    ahead_s=st.floats(-1e6, 1e6),
    delays=st.lists(st.floats(0.0, 0.4), min_size=5, max_size=40),
    prompt=st.integers(0, 4),
)
def test_one_prompt_reading_tells_the_difference_of_the_clocks(ahead_s, delays, prompt):
    delays[prompt] = 0.0
    true = [float(n) for n in range(len(delays))]
    found = reconcile([received(t, t + 1.7e9 + ahead_s, d) for t, d in zip(true, delays, strict=True)], 1.0, 0.1)
    assert error_s(found, true) < 1e-3
    assert not any(reading.stepped for reading in found.readings)


@given(delays=st.lists(st.floats(0.05, 0.4), min_size=5, max_size=40), grain=st.booleans())
def test_the_stated_doubt_bounds_the_error_of_a_logger_whose_delays_vary(delays, grain):
    # What all readings share cannot be seen, so the smallest delay is taken off the error.
    true = [0.37 + n for n in range(len(delays))]
    rows = [received(t, float(int(t)) if grain else t, d) for t, d in zip(true, delays, strict=True)]
    found = reconcile(rows, 1.0, 0.1)
    assert error_s(found, true) <= found.uncertainty_s + min(delays) + 1e-6
    assert (found.uncertainty_s >= 1.0) == grain


def test_a_logger_that_writes_in_batches_is_as_good_as_its_last_rows():
    true = [float(n) for n in range(40)]
    rows = [received(t, t + 3600.1, 4 - n % 5 + 0.02, fresh=n % 5 == 4) for n, t in enumerate(true)]
    found = reconcile(rows, 1.0, 0.1)
    assert error_s(found, true) == pytest.approx(0.02, abs=1e-3)
    assert found.uncertainty_s == pytest.approx(0.1, abs=1e-3)


def test_one_late_reading_is_not_a_step():
    rows = [received(n, n + 0.5, 6.0 if n == 10 else 0.01) for n in range(20)]
    assert not any(reading.stepped for reading in reconcile(rows, 1.0, 0.1).readings)


@pytest.mark.parametrize("step_s", [5.0, -5.0, 3600.0, -3600.0])
def test_a_step_of_the_meters_clock_is_found_where_it_happened(step_s):
    true = [float(n) for n in range(30)]
    rows = [received(t, t + 0.25 + (step_s if t >= 12 else 0.0), 0.01 * (n % 3)) for n, t in enumerate(true)]
    found = reconcile(rows, 1.0, 0.1)
    assert [n for n, reading in enumerate(found.readings) if reading.stepped] == [12]
    assert error_s(found, true) <= 0.03


def test_readings_without_a_time_lie_between_question_and_answer():
    rows = [Receipt(WallRow(None, 80.0), n * S, n * S + 200_000_000) for n in range(5)]
    found = reconcile(rows, 1.0, 0.5)
    assert [reading.at_ns for reading in found.readings] == [n * S + 100_000_000 for n in range(5)]
    assert (found.uncertainty_s, found.difference_ns) == (0.1, None)


def test_few_readings_leave_a_whole_period_in_doubt_and_none_leave_nothing():
    assert reconcile([received(0.5, 0.5, 0.0), received(2.5, 2.5, 0.0)], 2.0, 0.1).uncertainty_s == 2.1
    assert reconcile([], 1.0, 0.1).readings == ()


def test_readings_never_run_backwards():
    rows = [received(n, theirs, 0.0) for n, theirs in enumerate([0.5, 1.5, 1.5, 1.4, 2.5])]
    at = [reading.at_ns for reading in reconcile(rows, 1.0, 0.1).readings]
    assert at == sorted(set(at)) and len(at) == 3
