"""A stream of readings: what is wrong with it is named, and no figure is taken from where it is wrong."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.devices.metering.stream import MOST_KEPT, thin
from profiler.energy.window import NoEnergyError, idle_power, joules_between, window_energy
from profiler.records.readings import PowerSample
from tests.profiler.devices.boards import MS, LiveBoard, S
from tests.profiler.devices.nvidia.fake_nvml import UNSUPPORTED


def run(board, stream, seconds, every_s=0.05):
    """Sample for ``seconds`` of the board's time, then give the whole reading with idle windows at its ends."""
    stream.find_update_period()
    stream.sample()
    begin = board.ns
    while board.ns - begin < seconds * S:
        board.sleep(every_s)
        stream.sample()
    end = board.ns
    edge = round(0.1 * (end - begin))
    return stream.reading((begin, begin + edge), (end - edge, end - 60 * MS), []), begin, end


def codes(reading):
    return [fault.code for fault in reading.faults]


def test_a_steady_board_reads_its_power_and_finds_its_period(stream_of):
    board = LiveBoard(power_w=lambda at_s: 400.0, period_ms=50)
    reading, begin, _ = run(board, stream_of(board), 8)
    assert codes(reading) == []
    assert (reading.meter, reading.scope, reading.grade) == ("nvml", "board", "measured")
    assert reading.update_period_s == pytest.approx(0.05, rel=0.05)
    found = window_energy(reading, begin + S, begin + 6 * S)
    assert found.energy_j == pytest.approx(2000, abs=found.error_j)
    assert found.error_j == pytest.approx(400 * 2 * 0.05, rel=0.1)
    assert found.integrated_j == pytest.approx(2000, rel=0.01)
    assert idle_power(reading).power_w == pytest.approx(400, rel=0.1)
    assert reading.device["name"].startswith("NVIDIA") and reading.power_source.startswith("instant")


@pytest.mark.parametrize("period_ms", [20, 50, 100])
@pytest.mark.parametrize("window_s", [1.0, 3.33])
def test_the_stated_error_bounds_the_true_one(stream_of, period_ms, window_s):
    def power(at_s):
        return 150.0 if at_s % 1.7 < 0.6 else 600.0

    board = LiveBoard(power_w=power, period_ms=period_ms)
    reading, begin, _ = run(board, stream_of(board), 9)
    for shift_ms in range(0, 2000, 130):
        first = begin + S + shift_ms * MS
        last = first + round(window_s * S)
        true_j = sum(power(ms / 1000) for ms in range(first // MS, last // MS)) / 1000
        found = window_energy(reading, first, last)
        # The bound speaks of mean power; a burst at the edge may draw more than that.
        assert abs(found.energy_j - true_j) <= found.error_j * 600 / found.power_w + 1


def test_a_wrap_is_undone_and_noted(stream_of):
    board = LiveBoard(power_w=lambda at_s: 500.0, start_mj=(1 << 32) - 2_000_000, modulus=1 << 32)
    reading, begin, _ = run(board, stream_of(board), 8)
    assert codes(reading) == ["counter_wrapped"]
    found = window_energy(reading, begin + S, begin + 7 * S)
    assert found.energy_j == pytest.approx(3000, abs=found.error_j)


@pytest.mark.parametrize(
    ("value", "code"), [(1000, "counter_reset"), (4_900_000, "counter_backwards"), (9_000_000_000, "counter_jumped")]
)
def test_a_counter_that_jumps_spoils_the_windows_it_jumps_in_and_no_other(stream_of, value, code):
    board = LiveBoard(sudden_mj=[(4.0, value)])
    reading, begin, _ = run(board, stream_of(board), 8)
    assert codes(reading) == [code]
    with pytest.raises(NoEnergyError, match=f"^{code}: the meter"):
        window_energy(reading, 3 * S, 5 * S)
    for first, last in ((begin, 3 * S), (5 * S, 7 * S)):
        found = window_energy(reading, first, last)
        assert found.power_w == pytest.approx(300, rel=0.1)


def test_a_counter_that_stands_still_is_found_out(stream_of):
    board = LiveBoard(frozen_from_s=4.0)
    reading, begin, _ = run(board, stream_of(board), 9)
    assert codes(reading) == ["counter_frozen"]
    assert "for 5" in reading.faults[0].text or "for 4.9" in reading.faults[0].text
    with pytest.raises(NoEnergyError, match="counter_frozen"):
        window_energy(reading, 5 * S, 6 * S)
    assert window_energy(reading, begin, begin + 2 * S).power_w == pytest.approx(300, rel=0.05)


def test_a_counter_that_never_moved_gives_way_to_integrated_power(stream_of):
    board = LiveBoard(frozen_from_s=0.0)
    reading, begin, _ = run(board, stream_of(board), 8)
    assert reading.grade == "derived" and "stood still" in reading.power_source
    found = window_energy(reading, begin + S, begin + 6 * S)
    assert found.energy_j == pytest.approx(1500, rel=0.01)
    assert found.integrated_j is None


def test_a_counter_that_never_moved_and_no_power_give_nothing(stream_of):
    board = LiveBoard(frozen_from_s=0.0, changes={"FieldValues": UNSUPPORTED, "PowerUsage": UNSUPPORTED})
    reading, begin, _ = run(board, stream_of(board), 5)
    with pytest.raises(NoEnergyError, match="counter_frozen"):
        window_energy(reading, begin + S, begin + 2 * S)


def test_without_a_counter_power_is_integrated_and_its_gaps_spoil(stream_of):
    board = LiveBoard(changes={"TotalEnergyConsumption": UNSUPPORTED})
    stream = stream_of(board)
    stream.find_update_period()
    for _ in range(60):
        board.sleep(0.05)
        stream.sample()
    board.sleep(1.5)
    for _ in range(60):
        board.sleep(0.05)
        stream.sample()
    reading = stream.reading((0, 1), (2, 3), [])
    assert (reading.grade, codes(reading)) == ("derived", ["stream_gap"])
    gap = reading.faults[0]
    with pytest.raises(NoEnergyError, match=r"stream_gap: .*1\.6 s without a power reading"):
        window_energy(reading, gap.begin_ns - S, gap.end_ns + S)
    found = window_energy(reading, gap.begin_ns - 2 * S, gap.begin_ns - S)
    assert found.energy_j == pytest.approx(300, rel=0.01)
    assert found.error_j == pytest.approx(300 * 2 * 0.1)


def test_the_average_of_a_second_has_the_error_of_a_second(stream_of):
    board = LiveBoard(changes={"TotalEnergyConsumption": UNSUPPORTED, "scopes": ()})
    reading, begin, _ = run(board, stream_of(board), 6)
    assert "averaged over 1 s" in reading.power_source
    assert window_energy(reading, begin + S, begin + 5 * S).error_j == pytest.approx(300 * 2)


def test_a_gap_costs_the_cross_check_but_not_the_counter(stream_of):
    board = LiveBoard()
    stream = stream_of(board)
    stream.find_update_period()
    for pause in [0.05] * 60 + [2.0] + [0.05] * 60:
        board.sleep(pause)
        stream.sample()
    reading = stream.reading((0, 1), (2, 3), [])
    assert codes(reading) == ["power_gap"] and reading.longest_gap_s == pytest.approx(2.0, abs=0.01)
    gap = reading.faults[0]
    across = window_energy(reading, gap.begin_ns - 2 * S, gap.end_ns + 2 * S)
    assert across.integrated_j is None and across.power_w == pytest.approx(300, rel=0.02)
    assert window_energy(reading, gap.begin_ns - 2 * S, gap.begin_ns - S).integrated_j is not None


def test_a_counter_left_alone_too_long_is_a_gap(stream_of):
    board = LiveBoard(changes={"FieldValues": UNSUPPORTED, "PowerUsage": UNSUPPORTED})
    stream = stream_of(board)
    stream.find_update_period()
    stream.sample()
    board.sleep(61)
    stream.sample()
    assert codes(stream.reading((0, 1), (2, 3), [])) == ["stream_gap"]


def test_a_lost_board_leaves_what_was_read_and_the_reason(stream_of):
    board = LiveBoard(lost_at_s=5.0)
    reading, begin, _ = run(board, stream_of(board), 8)
    assert codes(reading) == ["meter_lost"]
    assert window_energy(reading, begin, begin + 2 * S).power_w == pytest.approx(300, rel=0.05)
    with pytest.raises(NoEnergyError, match=r"meter_lost: .*gpu is lost"):
        window_energy(reading, 4 * S, 6 * S)
    with pytest.raises(NoEnergyError, match="meter_lost"):
        idle_power(reading)


def test_windows_beyond_the_samples_are_a_missing_edge(stream_of):
    board = LiveBoard()
    reading, begin, end = run(board, stream_of(board), 4)
    for first, last in ((begin - 3 * S, begin + S), (end - S, end + S)):
        with pytest.raises(NoEnergyError, match="edge_missing"):
            window_energy(reading, first, last)


@pytest.mark.parametrize(("factor", "agrees"), [(1.0, True), (1.04, True), (1.2, False), (0.6, False)])
def test_sources_that_differ_by_more_than_five_per_cent_are_told_apart(stream_of, factor, agrees):
    from profiler.energy.window import disagreement_text

    board = LiveBoard(power_factor=factor)
    reading, begin, _ = run(board, stream_of(board), 12)
    found = window_energy(reading, begin + S, begin + 11 * S)
    assert found.integrated_j == pytest.approx(factor * found.energy_j, rel=0.005)
    text = disagreement_text([found])
    assert text.startswith("integrated power agrees" if agrees else "sources_disagree: integrated power says")
    if not agrees:
        assert ("+" if factor > 1 else "-") in text and "more than the 5 % allowed" in text


def test_thinning_changes_no_figure(stream_of):
    board = LiveBoard(power_w=lambda at_s: 100 + 90 * (at_s % 3))
    stream = stream_of(board)
    stream.find_update_period()
    begin = board.ns
    for _ in range(8 * MOST_KEPT):
        board.sleep(0.01)
        stream.sample()
    windows = [(begin + first * MS, begin + last * MS) for first, last in ((137, 9011), (5003, 20_777), (9011, 9100))]
    edges = [edge for window in windows for edge in window]
    whole = stream.reading((begin + S, begin + 2 * S), (begin + 20 * S, begin + 21 * S), edges)
    assert whole.samples_taken == 8 * MOST_KEPT
    assert len(whole.samples) <= MOST_KEPT + 3 * (len(edges) + 4)
    every = tuple(stream._samples)
    for window in windows:
        assert joules_between(whole.samples, *window) == joules_between(every, *window)
        assert window_energy(whole, *window).integrated_j is not None


@given(
    steps=st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 50)), min_size=2, max_size=200),
    fractions=st.lists(st.floats(0, 1), min_size=2, max_size=6),
    most=st.integers(2, 20),
)
def test_whatever_is_thinned_the_kept_windows_stay_what_they_were(steps, fractions, most):
    at, joules, samples = 0, 0.0, [PowerSample(0, 0.0)]
    for wait, gained in steps:
        at, joules = at + wait, joules + gained
        samples.append(PowerSample(at, joules))
    edges = sorted(int(fraction * at) for fraction in fractions)
    kept = thin(samples, edges, most)
    assert kept[0] == samples[0] and kept[-1] == samples[-1]
    for begin, end in pairwise(edges):
        assert joules_between(kept, begin, end) == pytest.approx(joules_between(samples, begin, end), abs=1e-9)


def test_few_samples_are_all_kept():
    samples = tuple(PowerSample(at, float(at)) for at in range(MOST_KEPT))
    assert thin(samples, [5]) == samples
