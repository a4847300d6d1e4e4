"""Joules of a window, from cumulative samples."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler import energy
from profiler.energy import EnergyWatch, idle_power_w, joules_between, joules_per_token, open_meter
from profiler.meters.contract import Meter, MeterProbe
from profiler.record import EnergyReading, PowerSample

SAMPLES = (PowerSample(0, 0.0), PowerSample(100, 10.0), PowerSample(200, 40.0))


@pytest.mark.parametrize(
    ("begin", "end", "joules"),
    [(0, 200, 40), (0, 50, 5), (50, 150, 20), (100, 200, 30), (150, 150, 0), (-1, 100, None), (100, 201, None)],
)
def test_a_window_is_interpolated_and_never_extrapolated(begin, end, joules):
    assert joules_between(SAMPLES, begin, end) == joules


def test_no_samples_give_no_joules():
    assert joules_between((), 0, 1) is None


@given(
    steps=st.lists(st.tuples(st.integers(1, 10**9), st.floats(0, 100)), min_size=1, max_size=20),
    fractions=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_adjoining_windows_add_up(steps, fractions):
    at, joules, samples = 0, 0.0, [PowerSample(0, 0.0)]
    for wait, gained in steps:
        at, joules = at + wait, joules + gained
        samples.append(PowerSample(at, joules))
    begin, middle, end = sorted(int(fraction * at) for fraction in fractions)
    whole = joules_between(samples, begin, end)
    parts = joules_between(samples, begin, middle) + joules_between(samples, middle, end)
    assert whole >= 0
    assert parts == pytest.approx(whole, abs=1e-9 * max(1.0, joules))


def reading(samples, before, after):
    return EnergyReading("fake", "package", 0.0, before, after, tuple(PowerSample(at, j) for at, j in samples))


S = 1_000_000_000


def test_idle_power_is_the_mean_of_both_windows_weighted_by_their_length():
    # 10 W for 1 s before, 20 W for 3 s after.
    found = reading([(0, 0), (S, 10), (2 * S, 100), (5 * S, 160)], (0, S), (2 * S, 5 * S))
    assert idle_power_w(found) == pytest.approx((10 + 60) / 4)


def test_idle_windows_that_were_not_sampled_give_no_net_energy(make_repetition):
    found = reading([(0, 0), (2 * S, 100)], (0, S), (2 * S, 5 * S))
    assert idle_power_w(found) is None
    repetition = make_repetition(start_ms=1000, token_ms=(100, 200))
    assert joules_per_token(found, [repetition], net=True) == []
    assert len(joules_per_token(found, [repetition], net=False)) == 1


def test_only_repetitions_that_the_samples_cover_are_given(make_repetition):
    found = reading([(0, 0), (S, 10)], (0, 1), (1, 2))
    covered, uncovered = make_repetition(0, (100, 200)), make_repetition(900, (100, 200))
    assert joules_per_token(found, [covered, uncovered], net=False) == [pytest.approx(2.0 / 2)]


class Counter(Meter):
    """Counts one joule a reading."""

    name, scope = "counter", "package"

    def __init__(self):
        self.joules = -1.0

    @classmethod
    def probe(cls):
        return MeterProbe(True)

    def read_j(self):
        self.joules += 1
        return self.joules

    @property
    def max_interval_s(self):
        return 0.01


def test_a_watch_samples_before_during_and_after_the_work(monkeypatch):
    monkeypatch.setattr(energy, "IDLE_S", 0.08)
    watch = EnergyWatch(Counter())
    with watch.watching():
        begin = time.perf_counter_ns()
        time.sleep(0.1)
        end = time.perf_counter_ns()
    found = watch.reading()
    assert found.meter == "counter" and found.resolution_j == 1.0
    assert found.samples[0].at_ns <= found.idle_before_ns[0] < found.idle_before_ns[1] <= begin
    assert end <= found.idle_after_ns[0] < found.idle_after_ns[1] <= found.samples[-1].at_ns
    assert idle_power_w(found) > 0
    assert joules_between(found.samples, begin, end) > 0
    assert [sample.energy_j for sample in found.samples] == sorted(sample.energy_j for sample in found.samples)


def test_a_watch_stops_sampling_when_the_work_fails(monkeypatch):
    monkeypatch.setattr(energy, "IDLE_S", 0.01)
    meter = Counter()
    with pytest.raises(RuntimeError), EnergyWatch(meter).watching():
        raise RuntimeError
    before = meter.joules
    time.sleep(0.05)
    assert meter.joules == before >= 0


def test_without_a_meter_the_reason_and_the_cure_are_given(monkeypatch):
    class Locked(Counter):
        name = "locked"

        @classmethod
        def probe(cls):
            return MeterProbe(False, "no key", "turn the key")

    monkeypatch.setattr(energy, "METERS", (Locked,))
    assert open_meter() == (None, "locked: no key; to enable: turn the key")
    monkeypatch.setattr(energy, "METERS", (Locked, Counter))
    meter, reason = open_meter()
    assert isinstance(meter, Counter) and reason == ""
