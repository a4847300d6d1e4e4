"""Whatever happens to a worker becomes a result or one clear reason, and no process is left."""

import os
import subprocess
import sys
import sysconfig
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from backends.common.errors import InputError, UnavailableError
from backends.qwen.synthetic import synthetic_model
from profiler.run import supervisor
from profiler.run.plan import Event, Plan
from profiler.run.race import NoRace
from profiler.run.supervisor import (
    STDERR_TAIL_LINES,
    TUNED_ENVIRONMENT,
    WorkerFailedError,
    run_worker,
    worker_environment,
)

pytestmark = pytest.mark.slow

PRELUDE = """
import json, os, signal, subprocess, sys, time
plan = json.loads(sys.stdin.readline())
def send(kind, **message):
    print(json.dumps({"kind": kind, **message}), flush=True)
with open(os.environ["PIDS"], "a") as handle:
    handle.write(f"{os.getpid()}\\n")
"""

LOOK = 'send("result", result={"seen": os.path.exists(os.environ["PIDS"] + ".flag")})'


@pytest.fixture
def plan(make_spec, make_workload_of):
    return Plan("prepare", "none", "", "float32", synthetic_model(make_spec()), make_workload_of(), 1, 1.0)


@pytest.fixture
def run(tmp_path, plan, monkeypatch):
    """Runs a script as the worker; afterwards neither it nor what it wrote down in PIDS is alive."""
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    (tmp_path / "pids").touch()

    def go(script, *, timeout_s=20.0, kind=dict, events=None, on_pause=lambda: None, on_edge=lambda: None, lane=None):
        return run_worker(
            plan,
            kind,
            log=tmp_path / "log.txt",
            timeout_s=timeout_s,
            on_event=(events if events is not None else []).append,
            on_pause=on_pause,
            on_edge=on_edge,
            command=(sys.executable, "-c", PRELUDE + script),
            lane=lane,
        )

    yield go
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert pids
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def failure_of(run, script, **kwargs):
    with pytest.raises(WorkerFailedError) as error:
        run(script, **kwargs)
    assert "\n" not in str(error.value)
    return error.value


def test_a_result_comes_back_and_events_on_the_way(run):
    events = []
    script = 'send("event", stage="load", text="half", left_s=2.5); send("result", result={"threads": plan["threads"]})'
    assert run(script, events=events) == {"threads": 1}
    assert events == [Event("load", "half", 2.5)]


def test_a_pausing_worker_stands_still_until_the_parent_is_done(run, tmp_path):
    script = f'send("pause"); sys.stdin.readline(); {LOOK}'
    assert run(script, on_pause=(tmp_path / "pids.flag").touch) == {"seen": True}


def test_at_an_edge_the_parent_reads_its_meters_and_measures_nothing(run, tmp_path):
    def never():
        raise AssertionError

    script = f'send("edge"); sys.stdin.readline(); {LOOK}'
    assert run(script, on_edge=(tmp_path / "pids.flag").touch, on_pause=never) == {"seen": True}


def test_a_worker_that_ends_with_a_traceback_is_told_by_its_last_line(run):
    error = failure_of(run, 'raise RuntimeError("the engine has no such kernel")')
    assert str(error) == "ended without a result, exit status 1: RuntimeError: the engine has no such kernel"
    assert "Traceback (most recent call last)" in error.stderr_tail


def test_the_exit_status_is_told(run):
    error = failure_of(run, 'sys.stderr.write("no licence\\n"); sys.exit(3)')
    assert str(error) == "ended without a result, exit status 3: no licence"


def test_only_the_end_of_a_long_log_is_kept(run):
    script = 'sys.stderr.write("".join(f"line {n}\\n" for n in range(100000))); sys.exit(3)'
    lines = failure_of(run, script).stderr_tail.splitlines()
    assert len(lines) == STDERR_TAIL_LINES
    assert lines[-1] == "line 99999"


@pytest.mark.parametrize(
    ("name", "message"),
    [("SIGKILL", "was killed by signal 9"), ("SIGSEGV", "SIGSEGV")],
)
def test_a_killed_worker_names_the_signal(run, name, message):
    assert message in str(failure_of(run, f"os.kill(os.getpid(), signal.{name})"))


def test_a_worker_that_hangs_is_stopped_after_its_time(run):
    begin = time.monotonic()
    error = failure_of(
        run, 'sys.stderr.write("waiting for a lock\\n"); sys.stderr.flush(); time.sleep(600)', timeout_s=1.0
    )
    assert str(error).startswith("gave no result within 1 s and was stopped; raise --timeout")
    assert error.stderr_tail == "waiting for a lock"
    assert time.monotonic() - begin < 60


def test_events_do_not_prolong_the_time(run):
    script = 'while True:\n    send("event", stage="busy"); time.sleep(0.05)'
    assert "gave no result within 1 s" in str(failure_of(run, script, timeout_s=1.0))


@pytest.mark.parametrize(
    "rubbish", ["Loading model...", '{"kind": 3}', '{"kind": "refusal"}', '{"kind": "news"}', "[1, 2]", "null"]
)
def test_rubbish_on_standard_output_is_told_with_its_beginning(run, rubbish):
    error = failure_of(run, f"print({rubbish!r}, flush=True); time.sleep(600)")
    assert str(error).startswith("broke the protocol: its output began")
    assert rubbish[:9] in str(error)


def test_an_endless_line_of_rubbish_is_shown_short(run):
    error = failure_of(run, 'print("x" * 10_000_000, flush=True); time.sleep(600)')
    assert len(str(error)) < 200


def test_a_result_of_the_wrong_form_is_told_by_its_field(run):
    error = failure_of(run, 'send("result", result={"stage": 3})', kind=Event)
    assert str(error).startswith("sent an invalid Event: Expected `str`, got `int`")


@pytest.mark.parametrize(
    ("kind", "expected"), [("input", InputError), ("unavailable", UnavailableError), ("failed", WorkerFailedError)]
)
def test_a_worker_that_explains_itself_is_believed(run, kind, expected):
    with pytest.raises(expected, match=r"^the board is too hot$") as error:
        run(f'send("refusal", reason="the board is too hot", error={kind!r})')
    assert type(error.value) is expected


GRANDCHILD = """
child = subprocess.Popen(["sleep", "600"], start_new_session={own_session})
with open(os.environ["PIDS"], "a") as handle:
    handle.write(f"{{child.pid}}\\n")
"""


def test_a_worker_that_dies_is_noticed_though_a_child_of_it_keeps_the_pipe_open(run):
    begin = time.monotonic()
    error = failure_of(
        run, GRANDCHILD.format(own_session=False) + 'sys.stderr.write("gone\\n"); os._exit(3)', timeout_s=45
    )
    assert str(error) == "ended without a result, exit status 3: gone"
    assert time.monotonic() - begin < 40


def test_a_result_is_taken_though_a_child_keeps_the_pipe_open(run):
    assert run(GRANDCHILD.format(own_session=False) + 'send("result", result={"a": 1})') == {"a": 1}


def test_a_child_that_left_the_session_goes_too(run):
    script = GRANDCHILD.format(own_session=True) + 'send("result", result={"a": 1}); time.sleep(600)'
    assert run(script) == {"a": 1}


def test_an_interrupt_of_the_parent_ends_the_worker(run):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run('send("pause"); time.sleep(600)', on_pause=interrupt)


def test_a_worker_that_never_reads_its_plan_is_stopped_too(tmp_path, make_spec):
    from backends.contract.workload import Workload

    big = Workload("big", (tuple(range(200_000)),), 1)
    plan = Plan("prepare", "none", "", "float32", synthetic_model(make_spec()), big, 1, 1.0)
    begin = time.monotonic()
    with pytest.raises(WorkerFailedError, match="gave no result within 1 s"):
        run_worker(
            plan, dict, log=tmp_path / "log", timeout_s=1.0, on_event=print, command=("sleep", "20")
        )  # fmt: skip
    assert time.monotonic() - begin < 15


def test_the_users_environment_wins_over_the_tuned_one(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "mine")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = worker_environment(3)
    assert environment["GLIBC_TUNABLES"] == "mine"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID", "or NVML's numbers would not be CUDA's"
    assert environment["HF_HUB_OFFLINE"] == TUNED_ENVIRONMENT["HF_HUB_OFFLINE"] == "1"
    root = str(Path(__file__).resolve().parents[3])
    assert environment["PYTHONPATH"] == f"{root}{os.pathsep}/elsewhere"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (3, 4, " when the kernel killed for lack of memory;"),
        (3, 3, ", and not by the kernel for lack of memory"),
        (None, 4, ": most likely the kernel ran out of memory"),
        (3, None, ": most likely the kernel ran out of memory"),
    ],
)
def test_who_sent_the_kill_is_told_as_far_as_the_kernel_counts(monkeypatch, tmp_path, before, now, words):
    monkeypatch.setattr(supervisor, "out_of_memory_kills", lambda: now)
    said = supervisor._why_it_died(-9, tmp_path / "log", before)
    assert said.startswith(f"was killed by signal 9{words}")


def test_kills_for_lack_of_memory_are_read_from_the_kernels_counters(tmp_path):
    counters = tmp_path / "vmstat"
    assert supervisor.out_of_memory_kills(counters) is None
    counters.write_text("pgfault 12\n")
    assert supervisor.out_of_memory_kills(counters) is None
    counters.write_text("pgfault 12\noom_kill 7\noom_kill_disable 9\n")
    assert supervisor.out_of_memory_kills(counters) == 7


def another_python(folder):
    """A real environment of another Python installation: its own prefix, and what ours has by way of a .pth file."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_a_worker_of_another_environment_runs_there_with_its_variables(tmp_path, plan, plugin_folder, monkeypatch):
    """The same worker module, found by it through PYTHONPATH, imports what that environment has."""
    python = another_python(tmp_path / "vendor")
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder))
    monkeypatch.setenv("ELSEWHERE", "the user's")
    found = run_worker(
        replace(plan, backend="test-noisy"), dict, log=tmp_path / "log.txt", timeout_s=60.0, on_event=lambda _: None,
        command=(str(python), "-c", WORKER_THAT_TELLS), variables={"ELSEWHERE": "the vendor's"},
    )  # fmt: skip
    assert found == {"prefix": str(tmp_path / "vendor"), "variable": "the vendor's", "noise": 3, "threads": "1"}
    assert os.environ["ELSEWHERE"] == "the user's"


WORKER_THAT_TELLS = """
import os, sys
from profiler.run import worker
prepare = worker.TASKS["prepare"]
def telling(plan, channel):
    seen = {"prefix": sys.prefix, "variable": os.environ["ELSEWHERE"], "threads": os.environ["OMP_NUM_THREADS"]}
    return {**prepare(plan, channel), **seen}
worker.TASKS["prepare"] = telling
sys.exit(worker.main())
"""


def test_an_environment_whose_python_is_gone_is_one_clear_reason(tmp_path, plan):
    gone = tmp_path / "removed" / "bin" / "python"
    with pytest.raises(WorkerFailedError, match=r"cannot be started: .*removed/bin/python.*No such file") as error:
        run_worker(plan, dict, log=tmp_path / "log.txt", timeout_s=5.0, on_event=print, command=(str(gone), "-m", "x"))
    assert "\n" not in str(error.value)


class Slow(NoRace):
    """A lane whose turn comes after two seconds, and whose race is over then."""

    def turn(self, kind):
        time.sleep(2.0)
        return kind != "segment"


IN_TURN = """
send("pause"); waited = sys.stdin.readline().strip()
send("turn", what="segment"); goes_on = sys.stdin.readline().strip()
send("turn", what="alone"); alone = sys.stdin.readline().strip()
send("result", result={"waited": waited, "segment": goes_on, "alone": alone})
"""


def test_waiting_for_a_turn_is_not_timed_out_and_its_length_is_told_to_the_worker(run):
    told = run(IN_TURN, timeout_s=1.5, lane=Slow())
    assert float(told["waited"]) == pytest.approx(2.0, abs=0.5)
    assert (told["segment"], told["alone"]) == ("stop", "")
