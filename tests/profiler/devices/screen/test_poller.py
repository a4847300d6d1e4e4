"""Calling a program over and over: what it costs is counted, what hangs is killed, and it is not asked too often."""

import time

import psutil
import pytest

from profiler.devices.screen import poller
from profiler.devices.screen.poller import Poller
from profiler.devices.screen.program import Call, call


def test_a_call_tells_what_was_printed_and_its_processor_time(install):
    folder = install("busy", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; echo warning >&2")
    found = call([str(folder / "busy")])
    assert (found.text, found.failure) == ("done\nwarning\n", "")
    assert found.cpu_s > 0 and found.took_s > 0
    idle = call(["sleep", "0.3"])
    assert idle.took_s >= 0.3 and idle.cpu_s < 0.2, "waiting is not processor time"


def test_a_call_that_hangs_is_killed_with_its_children(install):
    folder = install("hung", "sleep 300 & echo $! > child; wait")
    found = call([str(folder / "hung")], limit_s=0.5)
    assert found.failure == "no answer within 0.5 s"
    child, until = int((folder / "child").read_text()), time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("body", "failure"),
    [("echo a; echo; exit 3", "exit status 3: a"), ("exit 1", "exit status 1"), ("kill -9 $$", "exit status -9")],
)
def test_a_call_that_fails_tells_its_last_words(install, body, failure):
    assert call([str(install("bad", body) / "bad")]).failure == failure


def test_a_program_that_cannot_be_started_is_a_failure(tmp_path):
    assert "cannot be started: No such file" in call([str(tmp_path / "nothing")]).failure


def test_endless_output_is_cut(install):
    folder = install("loud", "yes | head -c 3000000")
    assert len(call([str(folder / "loud")]).text) == 1 << 20


@pytest.mark.parametrize(("took_s", "period_s"), [(0.05, 1.0), (0.2, 2.0), (2.0, 20.0)])
def test_calls_take_at_most_a_tenth_of_the_time(took_s, period_s):
    asked = Poller(lambda: pytest.fail("too early"), Call("", "", 1, took_s, 0.01))
    assert asked.period_s == pytest.approx(period_s)
    assert asked.take() == Call("", "", 1, took_s, 0.01) and asked.take() is None
    asked.close()


def test_every_call_is_counted_and_none_is_made_after_the_end(monkeypatch):
    monkeypatch.setattr(poller, "LEAST_PERIOD_S", 0.01)
    made = []

    def ask():
        made.append(1)
        return Call("", "broken" if len(made) == 2 else "", len(made), 0.0001, 0.25)

    asked = Poller(ask, Call("", "", 0, 0.0001, 0.25))
    until = time.monotonic() + 20
    while asked.calls < 6 and time.monotonic() < until:
        time.sleep(0.005)
    asked.close()
    assert asked.calls == len(made) + 1 and asked.failed == 1
    assert asked.cpu_s >= 0.25 * asked.calls
    calls = len(made)
    time.sleep(0.1)
    assert len(made) == calls
