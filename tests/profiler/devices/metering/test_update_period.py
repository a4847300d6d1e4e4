"""The update period is found by looking."""

import pytest

from profiler.devices.metering.update_period import infer_update_period_s


class Stepping:
    """A counter that steps at the given moments of a clock which every look moves on."""

    def __init__(self, period_s, look_s=0.0002, start_s=0.0):
        self.now, self.period_s, self.look_s, self.looks = start_s, period_s, look_s, 0

    def read(self):
        self.looks += 1
        self.now += self.look_s
        return float(self.now // self.period_s)

    def clock(self):
        return self.now


@pytest.mark.parametrize("period_s", [0.001, 0.02, 0.1])
@pytest.mark.parametrize("start_s", [0.0, 0.0007])
def test_it_is_the_time_between_changes_wherever_the_looking_began(period_s, start_s):
    counter = Stepping(period_s, start_s=start_s)
    found = infer_update_period_s(counter.read, counter.clock)
    assert found == pytest.approx(period_s, rel=0.25 if period_s == 0.001 else 0.02)


def test_it_stops_looking_once_it_knows():
    counter = Stepping(0.02)
    infer_update_period_s(counter.read, counter.clock)
    assert counter.now < 0.02 * 23


def test_a_counter_that_hardly_moves_has_no_period_that_can_be_told():
    for period_s in (0.6, 1.0, 1e9):  # the first holds three changes in two seconds, and so two whole periods
        counter = Stepping(period_s)
        assert infer_update_period_s(counter.read, counter.clock) is None
        assert counter.now <= 2.01


def test_a_look_that_gives_nothing_is_no_change_of_the_counter():
    assert infer_update_period_s(lambda: None, Stepping(1).read) is None
