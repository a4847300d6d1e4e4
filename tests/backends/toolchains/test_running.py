"""Running a vendor's program: every end is a result, and nothing outlives it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from backends.common.errors import InputError
from backends.toolchains import running
from backends.toolchains.running import ToolRun, run_tool, telling_line

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def run(tmp_path, script, timeout_s=30.0, **more) -> ToolRun:
    return run_tool(
        [sys.executable, "-c", script], cwd=tmp_path, environment=dict(os.environ), timeout_s=timeout_s, **more
    )


def test_a_good_end_has_both_streams_in_order_and_its_figures(tmp_path):
    done = run(
        tmp_path, "import sys; print('one', flush=True); print('two', file=sys.stderr); a = bytearray(80_000_000)"
    )
    assert (done.status, done.succeeded, done.output) == (0, True, "one\ntwo\n")
    assert done.log.read_text() == done.output and done.log.parent == tmp_path
    assert 80e6 < done.peak_resident_bytes < 120e6
    assert done.duration_s > 0


def test_the_memory_of_whoever_calls_is_not_counted(tmp_path):
    ballast = bytearray(os.urandom(4096)) * 80_000
    done = run(tmp_path, "pass")
    assert 1e6 < done.peak_resident_bytes < len(ballast) / 4


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        (
            "print('RuntimeError: Unsupport opset'); raise SystemExit(3)",
            3,
            "ended with status 3: RuntimeError: Unsupport",
        ),
        ("print('last words', flush=True); import os; os.abort()", -6, "was ended by SIGABRT: last words"),
        ("import ctypes; ctypes.string_at(0)", -11, "was ended by SIGSEGV"),
        ("raise SystemExit(134)", 134, "ended with status 134 (SIGABRT)"),
        ("import os; os.kill(0, 9)", -9, "was ended by SIGKILL"),
    ],
)
def test_a_bad_end_is_told_in_one_line(tmp_path, script, status, told):
    done = run(tmp_path, script)
    assert (done.status, done.succeeded) == (status, False)
    assert done.summary().startswith(f"{Path(sys.executable).name} {told}")
    assert "\n" not in done.summary()


def test_a_program_that_is_not_there_is_a_result_too(tmp_path):
    done = run_tool([tmp_path / "nothing"], cwd=tmp_path, environment={}, timeout_s=5)
    assert (done.status, done.succeeded) == (127, False)
    assert "No such file or directory" in done.summary()


def test_a_folder_that_is_not_there_is_the_callers_mistake(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        run_tool(["/bin/true"], cwd=tmp_path / "no", environment={}, timeout_s=5)


def test_at_the_timeout_the_whole_family_goes(tmp_path):
    script = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print('child', child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    began = time.monotonic()
    done = run(tmp_path, script, timeout_s=3.0)
    assert time.monotonic() - began < 60
    assert done.summary().endswith("gave no result within 3 s and was stopped: child " + done.output.split()[1])
    assert not done.succeeded
    assert gone(int(done.output.split()[1]))


def test_what_a_program_leaves_running_goes_with_it(tmp_path):
    done = run(tmp_path, "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
    assert done.succeeded
    assert gone(int(done.output))


def test_a_killed_caller_takes_the_program_along(tmp_path):
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from backends.toolchains.running import run_tool\n"
        "tool = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
        "run_tool([sys.executable, '-c', tool], cwd=Path(sys.argv[1]), environment={}, timeout_s=600,\n"
        "         log=Path(sys.argv[1]) / 'log')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], env=environment) as caller:
        log = tmp_path / "log"
        deadline = time.monotonic() + 60
        while not (log.exists() and log.read_text().endswith("\n")):
            assert time.monotonic() < deadline and caller.poll() is None
            time.sleep(0.02)
        caller.kill()
    assert gone(int(log.read_text()))


def test_the_programs_variables_do_not_reach_the_keeper(tmp_path):
    """A vendor's libraries on LD_LIBRARY_PATH would be loaded into our own interpreter."""
    (tmp_path / "libc.so.6").write_text("no library")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('in the wrong process')")
    script = tmp_path / "show.sh"
    script.write_text("#!/bin/sh\necho $PYTHONPATH $ODD\n")
    script.chmod(0o755)
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nowhere", "ODD": "a\nb\udce9"}
    done = run_tool([script], cwd=tmp_path, environment=environment, timeout_s=30)
    assert done.succeeded, done.output
    assert done.output.startswith(f"{tmp_path} a b")


def test_a_program_that_never_stops_printing_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "RUNAWAY_BYTES", 1_000_000)
    done = run(tmp_path, "while True: print('rubbish' * 1000)", timeout_s=60.0)
    assert "printed more than" in done.summary()


def test_of_a_long_output_both_ends_are_kept_and_the_gap_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "OUTPUT_LIMIT_BYTES", 1000)
    done = run(tmp_path, "print('first'); print('x' * 5000); print('last')")
    assert done.output.startswith("first\n") and done.output.endswith("last\n")
    assert f"leaves out {done.log.stat().st_size - 1000} bytes" in done.output
    assert done.log.stat().st_size > 5000


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("all fine\nRuntimeError: no opset\n  at line 3\n", "RuntimeError: no opset"),
        ("one\ntwo\n\n", "two"),
        ("", ""),
        ("\x1b[31mE RKNN: failed to build\x1b[0m\n", "E RKNN: failed to build"),
        ("error: \x00\x07 odd \t bytes", "error: odd bytes"),
        ("error: " + "long" * 200, ("error: " + "long" * 200)[:300] + "…"),
    ],
)
def test_the_telling_line_is_the_one_that_speaks_of_an_error(output, line):
    assert telling_line(output) == line


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/v/bin/python", "/p/tools/model_deploy.py", "--mlir", "x"], "model_deploy.py"),
        (["/v/bin/python3.10", "-I", "-m", "venv", "f"], "venv"),
        (["/v/bin/python", "-c", "pass"], "python"),
        (["/p/bin/tpuc-opt", "a"], "tpuc-opt"),
    ],
)
def test_a_run_is_called_by_what_it_ran(argv, name):
    assert running._name(argv) == name


def gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid)
