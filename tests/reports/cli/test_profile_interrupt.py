"""Ctrl-C keeps what is finished and leaves no process behind."""

import signal
import subprocess
import time

import psutil
import pytest

from profiler.records.bundle import read_bundle
from tests.reports.cli.conftest import COMMAND, hear_every_signal

pytestmark = pytest.mark.slow


@pytest.fixture
def interrupt(environment, small_run, tmp_path):
    """Starts a profile, sends SIGINT when the sleepy target loads, and waits for the end."""

    def go(*targets, options=()):
        pid_file = tmp_path / "pid"
        words = [*options, *(word for target in targets for word in ("--target", target))]
        process = subprocess.Popen(
            [*COMMAND, *map(str, small_run), *words, "--out", str(tmp_path / "out" / "bundle"), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "SLEEPY_PID_FILE": str(pid_file)},
            preexec_fn=hear_every_signal,  # noqa: PLW1509 - no thread runs yet
        )
        deadline = time.monotonic() + 120
        while not pid_file.exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        family = [psutil.Process(int(pid_file.read_text())), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert "Traceback" not in err, err
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        return process.returncode, err

    return go


def test_finished_targets_are_kept(interrupt, tmp_path):
    code, _ = interrupt("torch-cpu", "test-sleepy", "onnx-cpu", options=["--one-by-one"])
    assert code == 130
    bundle = read_bundle(tmp_path / "out" / "bundle")
    assert bundle.index.state == "interrupted"
    assert [target.id for target in bundle.targets] == ["torch-cpu@float32"]
    assert bundle.targets[0].status == "ok"
    assert bundle.index.target_ids == ("torch-cpu@float32", "test-sleepy@float32", "onnx-cpu@float32")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bundle"]


def test_a_modelled_target_that_is_finished_is_kept_too(interrupt, tmp_path):
    code, _ = interrupt("test-compiler:chip@float16", "test-sleepy")
    assert code == 130
    bundle = read_bundle(tmp_path / "out" / "bundle")
    assert bundle.index.state == "interrupted"
    assert [(target.id, target.status) for target in bundle.targets] == [("test-compiler:chip@float16", "modelled")]


def test_with_nothing_finished_nothing_is_left(interrupt, tmp_path):
    code, err = interrupt("test-sleepy", "torch-cpu")
    assert code == 130
    assert err.splitlines()[-1] == "chipassay: interrupted"
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
