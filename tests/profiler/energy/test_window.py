"""Joules of a window, from cumulative samples."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.devices.metering.faults import LARGEST_ERROR
from profiler.energy.per_token import Work, joules_per_token, window_edges
from profiler.energy.window import NoEnergyError, idle_power, joules_between, window_energy
from profiler.records.readings import EnergyReading, PowerSample
from profiler.records.target import EnergyWindow
from profiler.statistics.intervals import median_ci95

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
    found = idle_power(reading([(0, 0), (S, 10), (2 * S, 100), (5 * S, 160)], (0, S), (2 * S, 5 * S)))
    assert found.power_w == pytest.approx((10 + 60) / 4)
    assert (found.before_w, found.after_w) == (10, 20)
    assert found.error_w == pytest.approx(5), "half of what lies between the two"


def test_the_error_of_a_window_is_one_step_or_the_way_to_the_nearest_sample_at_each_edge():
    samples = [(at * S // 10, at * 10) for at in range(101)]  # 100 W, a sample every 0.1 s
    fine, coarse = (replace(reading(samples, (0, S), (9 * S, 10 * S)), update_period_s=p) for p in (0.001, 0.5))
    on_samples = window_energy(fine, 2 * S, 4 * S)
    assert (on_samples.energy_j, on_samples.error_j) == (pytest.approx(200), pytest.approx(2 * 0.1))
    between = window_energy(fine, 2 * S + 40_000_000, 4 * S)
    assert between.error_j == pytest.approx(100 * (0.04 + 0.001))
    assert window_energy(coarse, 2 * S, 4 * S).error_j == pytest.approx(100 * 2 * 0.5)


def test_a_clock_that_ran_for_years_loses_no_nanoseconds():
    start = 10**18
    found = reading([(start, 0), (start + 100, 100)], (start, start + 1), (start + 99, start + 100))
    assert joules_between(found.samples, start + 7, start + 50) == pytest.approx(43)


IDLE_W, PREFILL_W, DECODE_W = 50, 400, 250


def course(moments):
    """Samples of a power curve: (seconds, watts from then on), the last one the end."""
    at, joules, samples = 0, 0.0, []
    for (second, watts), (until, _) in pairwise(moments):
        steps = round((until - second) * 100)
        for _ in range(steps):
            samples.append((at, joules))
            at, joules = at + S // 100, joules + watts / 100
    return [*samples, (at, joules)]


def watched(repetitions, windows, period_s=0.02):
    """Idle for 3 s, then whatever the windows say for 60 s, then idle again."""
    curve = [(0, IDLE_W)]
    for window in windows:
        curve.append((window.begin_ns / S, PREFILL_W if window.phase == "prefill" else DECODE_W))
        curve.append((window.end_ns / S, IDLE_W))
    for repetition in repetitions:
        begin = repetition.start_ns / S
        curve.append((begin, PREFILL_W))
        curve.append((begin + repetition.token_ns[0] / S, DECODE_W))
        curve.append((begin + repetition.token_ns[-1] / S, IDLE_W))
    samples = course([*sorted(curve), (100, 0)])
    return replace(reading(samples, (0, 3 * S), (90 * S, 93 * S)), update_period_s=period_s)


def test_long_repetitions_are_windows_themselves(make_repetition):
    """Prefill 4 s at 400 W, decode 6 s at 250 W, 50 prompt tokens, 11 output tokens, two sequences."""
    repetitions = [
        make_repetition(start, (4000, *range(4600, 10_001, 600)), batch=2) for start in (5000, 20_000, 35_000)
    ]
    found, work = watched(repetitions, []), Work(repetitions, (), 50)
    whole, prefill, decode = (joules_per_token(found, work, phase) for phase in ("generate", "prefill", "decode"))
    assert whole.value == pytest.approx((1600 + 1500) / 22) and whole.grade == "measured"
    assert prefill.value == pytest.approx(1600 / 100) and decode.value == pytest.approx(1500 / 20)
    assert whole.error_j == pytest.approx(310 * 2 * 0.02 / 22) and len(whole.joules) == 3
    assert whole.interval is None, "three repetitions tell nothing about their spread"
    net = joules_per_token(found, work, "decode", net=True)
    assert net.value == pytest.approx((1500 - 6 * IDLE_W) / 20) and net.grade == "derived"
    assert net.error_j > decode.error_j


def test_short_repetitions_leave_it_to_windows_of_back_to_back_work(make_repetition):
    """25 generations in 20 s at 250 W take 200 J each, 50 prefills in 10 s at 400 W take 80 J each."""
    # Six repetitions, whose times spread: the windows' figures take their interval from them.
    repetitions = [make_repetition(4000 + 90 * n, (10, 20, 30, 40, 48 + n)) for n in range(6)]
    windows = (
        EnergyWindow("idle", 5 * S, 8 * S, 0),
        EnergyWindow("generate", 10 * S, 30 * S, 25),
        EnergyWindow("prefill", 40 * S, 50 * S, 50),
    )
    found, work = watched([], windows), Work(repetitions, windows, 50)
    whole, prefill, decode = (joules_per_token(found, work, phase) for phase in ("generate", "prefill", "decode"))
    assert whole.value == pytest.approx(200 / 5) and "25 generations back to back" in whole.origin
    assert prefill.value == pytest.approx(80 / 50)
    assert decode.value == pytest.approx((200 - 80) / 4) and decode.grade == "derived"
    assert whole.error_j == pytest.approx(250 * 0.04 / 25 / 5)
    assert decode.error_j == pytest.approx((250 * 0.04 / 25 + 400 * 0.04 / 50) / 4)
    low, high = (bound / 40.5 for bound in median_ci95([38.0 + n for n in range(6)]))
    assert decode.interval == pytest.approx((decode.value * low - decode.error_j, decode.value * high + decode.error_j))
    alone = Work(repetitions[:5], windows, 50)
    assert joules_per_token(found, alone, "decode").interval is None, "one window alone tells nothing of its spread"
    net = joules_per_token(found, work, "decode", net=True)
    assert net.value == pytest.approx(((5000 - 20 * IDLE_W) / 25 - (4000 - 10 * IDLE_W) / 50) / 4)


def test_prefill_windows_go_with_repetitions_that_are_long_as_a_whole(make_repetition):
    repetitions = [make_repetition(60_000, (500, 5000, 10_000))]
    windows = (EnergyWindow("prefill", 40 * S, 50 * S, 50),)
    found = joules_per_token(watched(repetitions, windows), Work(repetitions, windows, 50), "decode")
    assert found.value == pytest.approx((0.5 * 400 + 9.5 * 250 - 80) / 2)


def test_a_figure_more_doubtful_than_the_limit_is_refused(make_repetition):
    repetition = make_repetition(5000, (10, 20, 30))
    with pytest.raises(NoEnergyError, match=r"error_too_large: fake leaves ±.* J on .* J/tok, more than 10 %"):
        joules_per_token(watched([repetition], []), Work([repetition], (), 50), "generate")
    assert LARGEST_ERROR == 0.1


def test_one_output_token_leaves_no_decode(make_repetition):
    repetition = make_repetition(5000, (4000,))
    with pytest.raises(NoEnergyError, match="leaves nothing to decode"):
        joules_per_token(watched([repetition], []), Work([repetition], (), 50), "decode")


def test_six_repetitions_carry_an_interval_widened_by_resolution(make_repetition):
    repetitions = [make_repetition(start, (4000, 8000)) for start in range(5000, 80_000, 12_000)][:6]
    found = joules_per_token(watched(repetitions, []), Work(repetitions, (), 50), "generate")
    low, high = found.interval
    assert low == pytest.approx(found.value - found.error_j) and high == pytest.approx(found.value + found.error_j)


def test_idle_windows_that_were_not_sampled_give_no_net_energy(make_repetition):
    found = reading([(0, 0), (2 * S, 100)], (0, S), (2 * S, 5 * S))
    with pytest.raises(NoEnergyError, match="edge_missing"):
        idle_power(found)
    work = Work([make_repetition(0, (1000, 2000))], (), 50)
    with pytest.raises(NoEnergyError, match="edge_missing"):
        joules_per_token(found, work, "generate", net=True)
    assert len(joules_per_token(found, work, "generate").joules) == 1


def test_only_repetitions_that_the_samples_cover_are_given_and_it_is_said(make_repetition):
    found = reading([(0, 0), (S, 10)], (0, 1), (1, 2))
    covered, uncovered = make_repetition(0, (500, 1000)), make_repetition(900, (100, 200))
    taken = joules_per_token(found, Work([covered, uncovered], (), 50), "generate")
    assert taken.joules == (pytest.approx(10 / 2),)
    assert "1 of 2 (others: edge_missing" in taken.origin


def test_the_edges_kept_are_those_of_every_window(make_worker, make_repetition):
    worker = make_worker([make_repetition(0, (1, 2), warmup=True), make_repetition(1000, (100, 200, 300))])
    worker = replace(worker, energy_windows=(EnergyWindow("idle", 7, 8, 0),))
    assert window_edges(worker) == (S, S + S // 10, S + 3 * S // 10, 7, 8)
