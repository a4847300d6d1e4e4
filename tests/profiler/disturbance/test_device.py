"""What spoils a repetition on an accelerator is marked, and only there."""

import pytest

from profiler.devices.metering.telemetry import State
from profiler.disturbance.device import DEVICE_DETECTORS, mark_repetitions
from profiler.records.target import Spoiler

MS = 1_000_000
QUIET = {
    "sm_clock_hz": 1755e6,
    "temperature_c": 60.0,
    "memory_used_bytes": 17e9,
    "memory_total_bytes": 80e9,
}


@pytest.fixture
def mark(make_repetition):
    """Five repetitions of 100 ms, a second apart, each seen three times; ``changes`` alter the third's states."""

    def go(foreign=frozenset(), gap_ns=None, throttled=False, **changes):
        repetitions = [
            make_repetition(1000 * n, (20, 50, 100), clock_gap_ns=gap_ns if n == 3 else 0) for n in range(1, 6)
        ]
        states = []
        for number in range(1, 6):
            for offset in (10, 50, 90):
                row = {**QUIET, **(changes if number == 3 else {})}
                at_ns = (1000 * number + offset) * MS
                changed = (foreign, throttled) if number == 3 else (frozenset(), False)
                states.append(State(at_ns, row, *changed))
        return mark_repetitions(repetitions, states)

    return go


@pytest.mark.parametrize(
    ("detector", "changes", "value"),
    [
        ("device_throttled", {"throttled": True}, 1.0),
        ("device_clock_drop", {"sm_clock_hz": 0.9 * 1755e6}, 0.1),
        ("device_warming_up", {"temperature_c": 51.0}, 9.0),
        ("device_shared", {"foreign": frozenset({7, 8})}, 2),
        ("device_clock_gap", {"gap_ns": -2 * MS}, 0.02),
        ("device_memory_full", {"memory_used_bytes": 79e9}, 79 / 80),
    ],
)
def test_each_disturbance_marks_its_repetition_alone(mark, detector, changes, value):
    marked = mark(**changes)
    assert [bool(repetition.spoilers) for repetition in marked] == [False, False, True, False, False]
    limits = {known.name: known for known in DEVICE_DETECTORS}[detector]
    assert marked[2].spoilers == (Spoiler(detector, pytest.approx(value), limits.threshold, limits.unit),)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"throttled": None},
        {"sm_clock_hz": 0.96 * 1755e6},
        {"temperature_c": 53.0},
        {"gap_ns": MS // 2},
        {"memory_used_bytes": 77e9},
        dict.fromkeys(QUIET),
    ],
)
def test_what_stays_within_the_limits_or_is_unknown_marks_nothing(mark, changes):
    assert not any(repetition.spoilers for repetition in mark(**changes))


def test_a_repetition_that_was_not_looked_at_is_not_judged_but_its_clocks_are(make_repetition):
    hot = State(5000 * MS, QUIET, throttled=True)
    repetitions = [make_repetition(0, (20, 100)), make_repetition(1000, (20, 100), clock_gap_ns=5 * MS)]
    marked = mark_repetitions(repetitions, [hot])
    assert marked[0].spoilers == ()
    assert [spoiler.detector for spoiler in marked[1].spoilers] == ["device_clock_gap"]


def test_the_usual_state_is_that_of_the_counted_repetitions(make_repetition):
    repetitions = [make_repetition(1000 * n, (20, 100), warmup=n < 4) for n in range(1, 6)]
    states = [State((1000 * n + 50) * MS, {**QUIET, "sm_clock_hz": 2e9 if n < 4 else 1.7e9}) for n in range(1, 6)]
    assert not any(repetition.spoilers for repetition in mark_repetitions(repetitions, states))


def test_a_device_that_is_busy_while_we_rest_spoils_all_of_the_run(make_repetition):
    """As in a container that does not see the stranger's process."""
    rest = [State(at * MS, {"utilisation": share}) for at, share in ((10, 0.3), (20, 0.2), (30, 0.4), (900, 0.0))]
    repetitions = [make_repetition(1000 * n, (20, 100)) for n in (1, 2)]
    for repetition in mark_repetitions(repetitions, rest, [(0, 40 * MS)]):
        assert repetition.spoilers == (Spoiler("device_busy_before", 0.3, 0.05, "1"),)
    assert not any(r.spoilers for r in mark_repetitions(repetitions, rest, [(800 * MS, 999 * MS)]))


def test_the_workers_own_marks_stay(make_repetition):
    steal = Spoiler("cpu_steal", 0.1, 0.05, "cores")
    (marked,) = mark_repetitions([make_repetition(0, (20, 100), spoilers=(steal,), clock_gap_ns=5 * MS)], [])
    assert [spoiler.detector for spoiler in marked.spoilers] == ["cpu_steal", "device_clock_gap"]


def test_every_detector_says_what_it_means_and_what_to_do():
    names = [detector.name for detector in DEVICE_DETECTORS]
    assert len(set(names)) == len(names)
    assert all(detector.remedy and detector.unit for detector in DEVICE_DETECTORS)
