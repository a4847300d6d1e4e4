"""Windows of back-to-back work: made where repetitions are too short, with the meter read at their edges."""

import numpy as np
import pytest

from backends.contract.backend import Generation
from profiler.run import energy_windows
from profiler.run.energy_windows import IDLE_S, make_windows, needed_phases

S = 1_000_000_000


@pytest.mark.parametrize(
    ("token_ms", "window_s", "needed"),
    [
        ((10, 20, 60), 1.0, ("generate", "prefill")),
        ((500, 1000, 2000), 1.0, ("prefill",)),
        ((1500, 1600, 2700), 1.0, ()),
        ((500,), 1.0, ("generate",)),
        ((1500,), 1.0, ()),
    ],
)
def test_only_phases_that_repetitions_are_too_short_for_need_windows(make_repetition, token_ms, window_s, needed):
    repetitions = [make_repetition(0, (1,), warmup=True), make_repetition(0, token_ms)]
    assert needed_phases(repetitions, len(token_ms), window_s) == needed


class Clockwork:
    """Takes 30 ms for a prefill and 10 ms for each further token, on a clock of its own."""

    def __init__(self, monkeypatch):
        self.ns, self.calls = 0, []
        monkeypatch.setattr(energy_windows.time, "perf_counter_ns", lambda: self.ns)
        monkeypatch.setattr(energy_windows.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.ns += round(seconds * S)

    def generate(self, prompt, output_tokens):
        assert prompt.dtype == np.int64 and prompt.shape == (2, 12)
        self.calls.append((self.ns, output_tokens))
        self.ns += 20_000_000 + 10_000_000 * output_tokens
        return Generation(((0,) * output_tokens,) * 2, 0, tuple(range(output_tokens)))


def test_each_window_is_long_enough_holds_whole_generations_and_is_read_at_its_edges(
    monkeypatch, make_workload_of, make_repetition
):
    backend, edges, events = Clockwork(monkeypatch), [], []
    workload = make_workload_of(12, 5, 2)
    repetitions = [make_repetition(0, (30, 40, 50, 60, 70))]
    made = make_windows(backend, workload, repetitions, 1.0, lambda: edges.append(backend.ns), events.append)
    assert [window.phase for window in made] == ["idle", "generate", "prefill"]
    assert [edge for window in made for edge in (window.begin_ns, window.end_ns)] == edges
    idle, generate, prefill = made
    assert idle.end_ns - idle.begin_ns == IDLE_S * S and idle.generations == 0
    assert (generate.generations, generate.end_ns - generate.begin_ns) == (15, 15 * 70_000_000)
    assert (prefill.generations, prefill.end_ns - prefill.begin_ns) == (34, 34 * 30_000_000)
    within = [tokens for at, tokens in backend.calls if prefill.begin_ns <= at < prefill.end_ns]
    assert within == [1] * 34
    lead_in = [tokens for at, tokens in backend.calls if at < generate.begin_ns]
    assert lead_in == [5], "the device is brought to the work before the window"
    assert [event.stage for event in events] == ["energy"] * 3


def test_a_generation_longer_than_the_window_is_still_whole(monkeypatch, make_workload_of, make_repetition):
    backend = Clockwork(monkeypatch)
    made = make_windows(
        backend, make_workload_of(12, 1, 2), [make_repetition(0, (1,))], 0.002, lambda: None, lambda event: None
    )
    assert [(window.phase, window.generations) for window in made] == [("idle", 0), ("generate", 1)]
