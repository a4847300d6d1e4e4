"""Warm-up until steady, then repetition until the interval is narrow or the budget ends."""

import ast
import itertools
from pathlib import Path

import pytest

from backends.contract.backend import Generation
from profiler.disturbance import host as spoilers
from profiler.records.target import decode_rate
from profiler.run import repetition
from profiler.run.repetition import MAX_REPETITIONS, WARMUP_LIMIT, WARMUP_TOKENS, measure

S = 1_000_000_000


class Clockwork:
    """A backend whose runs take the given seconds a token, one after another, on a clock of its own."""

    def __init__(self, paces, monkeypatch):
        self.paces = iter(paces)
        self.now_ns = 0
        self.calls = []
        monkeypatch.setattr(repetition.time, "perf_counter", lambda: self.now_ns / S)

    def generate(self, prompt, output_tokens):
        pace = next(self.paces)
        self.calls.append((prompt.shape, output_tokens))
        start = self.now_ns
        times = tuple(start + round(pace * S * (n + 1)) for n in range(output_tokens))
        self.now_ns = times[-1]
        return Generation(((1,) * output_tokens,) * len(prompt), start, times)


@pytest.fixture
def run(monkeypatch, make_workload_of):
    """Measures a clockwork backend; also gives the events and the moments of the pauses."""

    def go(paces, *, output_tokens=20, batch=1, budget=1e6, wanted=0.02):
        backend = Clockwork(paces, monkeypatch)
        events, pauses = [], []
        workload = make_workload_of(4, output_tokens, batch)
        done = measure(backend, workload, budget, wanted, events.append, lambda: pauses.append(backend.now_ns) or 0.0)
        return done, backend, events, pauses

    return go


def steady(pace=0.1):
    while True:
        yield pace


def alternating(low, high):
    while True:
        yield low
        yield high


def test_warm_up_ends_when_two_runs_in_a_row_take_the_same_time(run):
    def paces():
        yield from (0.5, 0.3, 0.2, 0.101)
        yield from steady()

    done, *_ = run(paces())
    warmups = [r for r in done.repetitions if r.warmup]
    assert done.warmup_steady
    assert len(warmups) == 5
    assert all(len(r.token_ns) == WARMUP_TOKENS for r in warmups)
    assert all(r.warmup for r in done.repetitions[:5]) and not any(r.warmup for r in done.repetitions[5:])


def test_warm_up_that_never_settles_ends_at_its_limit_and_says_so(run):
    done, *_ = run(alternating(0.1, 0.2), budget=50)
    assert not done.warmup_steady
    assert sum(r.warmup for r in done.repetitions) == WARMUP_LIMIT


def test_warm_up_takes_no_more_than_its_share_of_the_budget_but_two_runs(run):
    done, *_ = run(alternating(0.1, 0.2), budget=1)
    assert not done.warmup_steady
    assert sum(r.warmup for r in done.repetitions) == 2


def test_equal_repetitions_stop_as_soon_as_there_is_an_interval(run):
    done, *_ = run(steady())
    assert sum(not r.warmup for r in done.repetitions) == 6
    assert "interval of the median is within 2 %" in done.stop_reason


def test_unsteady_repetitions_go_on_to_the_limit(run):
    done, *_ = run(alternating(0.1, 0.2))
    assert sum(not r.warmup for r in done.repetitions) == MAX_REPETITIONS
    assert done.stop_reason == f"{MAX_REPETITIONS} repetitions were made"


def test_the_budget_ends_it_but_three_repetitions_are_always_made(run):
    done, *_ = run(alternating(0.1, 0.2), budget=0.001)
    assert sum(not r.warmup for r in done.repetitions) == 3
    assert done.stop_reason.startswith("the budget ended after 3")


def test_time_in_which_others_ran_is_not_counted(monkeypatch, make_workload_of):
    def in_turn_with_one_that_takes(seconds):
        backend = Clockwork(alternating(0.1, 0.2), monkeypatch)

        def pause():
            backend.now_ns += seconds * S
            return float(seconds)

        done = measure(backend, make_workload_of(4, 20), 20.0, 0.02, lambda _: None, pause)
        return sum(not r.warmup for r in done.repetitions)

    assert in_turn_with_one_that_takes(50) == in_turn_with_one_that_takes(0) > 3


def test_a_budget_may_be_exceeded_by_its_factor_to_reach_an_interval(monkeypatch, make_workload_of):
    def made(overtime):
        backend = Clockwork(steady(0.1), monkeypatch)
        done = measure(backend, make_workload_of(4, 20), 8.5, 0.02, lambda _: None, lambda: 0.0, overtime)
        return sum(not r.warmup for r in done.repetitions)

    assert made(1.0) < made(2.0) == 6


def test_the_machine_is_measured_before_each_repetition_and_after_the_last(run):
    done, _, _, pauses = run(steady())
    counted = [r for r in done.repetitions if not r.warmup]
    assert len(pauses) == len(counted) + 1
    for number, one in enumerate(counted):
        assert pauses[number] <= one.start_ns and one.start_ns + one.token_ns[-1] <= pauses[number + 1]


def test_every_repetition_runs_the_whole_workload(run):
    done, backend, *_ = run(steady(), batch=3)
    warmups = sum(r.warmup for r in done.repetitions)
    assert all(call == ((3, 4), 20) for call in backend.calls[warmups:])


def test_one_output_token_is_measured_by_its_time_to_first_token(run):
    done, *_ = run(steady(), output_tokens=1)
    assert sum(not r.warmup for r in done.repetitions) == 6
    assert decode_rate(done.repetitions[-1]) is None


def test_progress_tells_the_estimate_and_the_time_left(run):
    _, _, events, _ = run(alternating(0.1, 0.11), budget=60)
    measured = [event for event in events if event.stage == "measure"]
    assert measured[0].text.startswith("repetition 1: 10.00 tok/s") or "tok/s" in measured[0].text
    assert "±" in measured[-1].text
    assert all(0 <= event.left_s <= 60 for event in measured)
    assert [event.stage for event in events[:2]] == ["warm-up", "warm-up"]


def test_the_decode_rate_counts_all_sequences_after_the_first_token(make_repetition):
    assert decode_rate(make_repetition(token_ms=(500, 600, 700), batch=4)) == pytest.approx(40)


def test_a_step_of_the_wall_clock_marks_its_repetition_and_changes_no_time(run, monkeypatch):
    """Set back by an hour in the middle of the third repetition; the monotonic clock goes on."""
    undisturbed, *_ = run(itertools.repeat(0.1))
    stepped = undisturbed.repetitions[sum(one.warmup for one in undisturbed.repetitions) + 2]
    moment_ns = stepped.start_ns + stepped.token_ns[-1] // 2

    def wall_s():
        now_s = repetition.time.perf_counter()
        return 1.8e9 + now_s - (3600 if now_s * S >= moment_ns else 0)

    monkeypatch.setattr(spoilers.time, "time", wall_s)
    done, *_ = run(itertools.repeat(0.1))
    marked = [at for at, one in enumerate(done.repetitions) if any(s.detector == "clock_step" for s in one.spoilers)]
    assert marked == [undisturbed.repetitions.index(stepped)]
    (found,) = [s for s in done.repetitions[marked[0]].spoilers if s.detector == "clock_step"]
    assert found.value == pytest.approx(3600)
    times = [[(one.start_ns, one.token_ns) for one in runs.repetitions] for runs in (done, undisturbed)]
    assert times[0] == times[1]


WALL_CLOCK = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}
ALLOWED = {
    ("profiler/run/index.py", "now"): "the date a bundle was made",
    ("backends/toolchains/installing.py", "now"): "the date a toolchain was installed",
    ("profiler/disturbance/host.py", "time"): "the step of this very clock",
    ("profiler/devices/wall/meter.py", "time_ns"): "how far the meter's clock is from this one, told and not used",
}


def test_no_duration_is_taken_from_the_wall_clock():
    root = Path(repetition.__file__).parents[2]
    found = set()
    for source in [*root.glob("profiler/**/*.py"), *root.glob("backends/**/*.py")]:
        for node in ast.walk(ast.parse(source.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and (ast.unparse(node.value).rpartition(".")[2], node.attr) in WALL_CLOCK
            ):
                found.add((source.relative_to(root).as_posix(), node.attr))
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                assert not {alias.name for alias in node.names} & {"time", "time_ns"}, source
    assert found == set(ALLOWED)
