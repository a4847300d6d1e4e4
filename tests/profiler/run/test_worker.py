"""The real worker process: its protocol survives any engine, and it does not outlive its parent."""

import signal
import subprocess
import sys
import time

import msgspec
import psutil
import pytest

from backends.common.errors import InputError
from backends.qwen.synthetic import synthetic_model
from profiler.run.plan import Plan
from profiler.run.supervisor import WorkerFailedError, run_worker

PARENT = """
import sys
from pathlib import Path
import msgspec
from profiler.run.plan import Plan
from profiler.run.supervisor import run_worker
plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
run_worker(plan, dict, log=Path(sys.argv[2]), timeout_s=60, on_event=lambda event: None)
"""


@pytest.fixture
def plan(make_spec, make_workload_of, plugin_folder, monkeypatch):
    """A plan for one of the test backends, which the worker finds by its entry point."""
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder))

    def make(backend, task="prepare"):
        model = synthetic_model(make_spec())
        return Plan(task, backend, "", "float32", model, make_workload_of(), 1, 1.0, reference_path="none.npz")

    return make


def test_whatever_an_engine_prints_goes_to_the_log_and_the_result_arrives(plan, tmp_path):
    events = []
    log = tmp_path / "log"
    result = run_worker(plan("test-noisy"), dict, log=log, timeout_s=60, on_event=events.append)
    assert result == {"noise": 3}
    assert [event.text for event in events] == ["made noise"]
    printed = log.read_text()
    for noise in ("printed by Python", "written to descriptor 1", "said by a child"):
        assert noise in printed


def test_an_engines_exception_is_one_line_and_its_traceback_is_kept(plan, tmp_path):
    with pytest.raises(WorkerFailedError, match=r"^RuntimeError: the engine's licence ran out$") as error:
        run_worker(plan("test-broken"), dict, log=tmp_path / "log", timeout_s=60, on_event=print)
    assert "Traceback" in error.value.stderr_tail


def test_an_engine_that_aborts_is_told_by_its_signal(plan, tmp_path):
    with pytest.raises(WorkerFailedError, match=r"was killed by signal 6 \(SIGABRT\)") as error:
        run_worker(plan("test-crash", "measure"), dict, log=tmp_path / "log", timeout_s=60, on_event=print)
    assert "about to abort" in error.value.stderr_tail


def test_an_unknown_backend_is_the_users_error(plan, tmp_path):
    with pytest.raises(InputError, match="unknown target 'test-nosuch'"):
        run_worker(plan("test-nosuch"), dict, log=tmp_path / "log", timeout_s=60, on_event=print)


def test_the_worker_ends_when_its_parent_is_killed(plan, tmp_path, monkeypatch):
    pid_file = tmp_path / "pid"
    monkeypatch.setenv("SLEEPY_PID_FILE", str(pid_file))
    (tmp_path / "plan").write_bytes(msgspec.json.encode(plan("test-sleepy", "measure")))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "plan"), str(tmp_path / "log")])
    try:
        wait_until(pid_file.exists)
        worker = psutil.Process(int(pid_file.read_text()))
        assert worker.is_running()
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
