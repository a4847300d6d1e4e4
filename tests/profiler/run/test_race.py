"""Workers take turns: one at a time, in rounds whose order is reversed, and together until the end."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backends.common.errors import WorkerError
from profiler.run.race import Race


class Runner:
    """Lanes that note when they have the machine; several at a time would be seen."""

    def __init__(self, seconds=60.0):
        self.seconds = seconds
        self.notes = []
        self.busy = 0
        self.most = 0

    def go(self, repetitions, *, failing=(), segments=None):
        names = list(repetitions)
        race = Race(names, self.seconds)
        threads = [
            threading.Thread(target=self._lane, args=(race, name, repetitions[name], name in failing, segments))
            for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
            assert not thread.is_alive(), self.notes
        return self.notes

    def _lane(self, race, name, repetitions, fails, segments):
        race.begin(name)
        self._work(name, "load")
        if not fails:
            for number in range(repetitions):
                race.turn(name, "repetition")
                self._work(name, f"repetition {number}")
            made = 0
            while race.turn(name, "segment"):
                self._work(name, f"segment {made}")
                made += 1
                if segments and made == segments:
                    race._ends = 0.0
            race.turn(name, "alone")
            self._work(name, "windows")
        race.leave(name)

    def _work(self, name, what):
        self.busy += 1
        self.most = max(self.most, self.busy)
        time.sleep(0.001)
        self.notes.append((name, what))
        self.busy -= 1


def order(notes, what):
    return [name for name, noted in notes if noted.startswith(what)]


def test_one_runs_at_a_time_and_rounds_are_reversed():
    runner = Runner()
    notes = runner.go({"a": 4, "b": 4, "c": 4}, segments=4)
    assert runner.most == 1
    assert order(notes, "load") == ["a", "b", "c"]
    for what in ("repetition", "segment"):
        rounds = [order(notes, what)[at : at + 3] for at in range(0, 12, 3)]
        assert all(one == other[::-1] for one, other in itertools.pairwise(rounds))
    assert sorted(order(notes, "windows")) == ["a", "b", "c"]


def test_all_have_the_same_segments_although_one_needs_more_repetitions():
    notes = Runner().go({"a": 1, "b": 6}, segments=3)
    assert [order(notes, f"segment {at}").count(name) for at in range(3) for name in "ab"] == [1] * 6
    first = min(at for at, (_, what) in enumerate(notes) if what.startswith("segment"))
    assert all(not what.startswith("repetition") for _, what in notes[first:])
    pairs = [sorted(order(notes, f"segment {at}")) for at in range(4)]
    assert pairs == [["a", "b"]] * 3 + [[]]


def test_one_that_fails_leaves_and_the_others_go_on():
    notes = Runner().go({"a": 2, "b": 2, "c": 2}, failing={"b"}, segments=2)
    assert order(notes, "segment").count("a") == order(notes, "segment").count("c") == 2
    assert ("b", "windows") not in notes


def test_time_ends_the_segments_at_the_end_of_a_round():
    notes = Runner(seconds=0.02).go({"a": 1, "b": 1})
    counts = [order(notes, "segment").count(name) for name in "ab"]
    assert counts[0] == counts[1] > 1


def test_a_stopped_race_lets_nobody_on():
    race = Race(["a", "b"], 1.0)
    raised = []

    def wait():
        try:
            race.begin("b")
        except WorkerError as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    race.stop()
    thread.join(timeout=5)
    assert raised


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the state of a process from /proc")
def test_a_worker_that_waits_stands_still():
    race = Race(["a", "b"], 1.0)
    lanes = race.lanes()
    spin = [sys.executable, "-c", "while True: pass"]
    lanes["a"].process = subprocess.Popen(spin, start_new_session=True)
    try:
        thread = threading.Thread(target=lanes["a"].turn, args=("repetition",))
        thread.start()
        assert state(lanes["a"].process, "T"), "stopped while b loads"
        race.leave("b")
        thread.join(timeout=5)
        assert state(lanes["a"].process, "R"), "goes on in its turn"
    finally:
        os.killpg(lanes["a"].process.pid, signal.SIGKILL)
        lanes["a"].process.wait()


def state(process, wanted):
    """Whether a process comes to be in the state of that letter."""
    for _ in range(200):
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        if stat.rpartition(")")[2].split()[0] == wanted:
            return True
        time.sleep(0.01)
    return False
