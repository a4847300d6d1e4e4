"""Asking real programs: shell scripts in the place of the vendors' tools."""

import os
import time
from pathlib import Path

import psutil
import pytest

from profiler.devices.screen.tool import Enquiry, Tool

pytestmark = pytest.mark.slow

QUICK = Tool("chip-smi", "ffff", ("info",), lambda answers: ())


@pytest.fixture
def program(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(name, body):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def test_a_tool_that_is_not_on_path_is_not_asked():
    assert Enquiry((QUICK,)).finish() == []


def test_answers_and_follow_up_questions(program):
    program("chip-smi", 'echo "asked $*"')
    tool = Tool("chip-smi", "ffff", ("info", ""), lambda answers: (), lambda answers: ("board -i 1",))
    (heard,) = Enquiry((tool,)).finish()
    assert heard.answers == {"info": "asked info\n", "": "asked \n", "board -i 1": "asked board -i 1\n"}
    assert heard.failures == {}


def test_a_failing_tool_tells_its_last_words(program):
    program("chip-smi", "echo first >&2; echo 'driver not loaded' >&2; exit 3")
    (heard,) = Enquiry((QUICK,)).finish()
    assert (heard.answers, heard.failures) == ({}, {"info": "exit status 3: driver not loaded"})


def test_what_a_failing_tool_printed_still_counts(program):
    program("chip-smi", "echo table; exit 1")
    (heard,) = Enquiry((QUICK,)).finish()
    assert heard.answers == {"info": "table\n"} and "exit status 1" in heard.failures["info"]


def _ends(pid: int, patience_s: float = 10) -> bool:
    """A killed process takes a moment to go, and stays a zombie until its new parent has looked."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_all_tools_together_take_no_longer_than_the_limit_and_leave_no_process(program, tmp_path):
    for name in ("slow-one", "slow-two"):
        program(name, f"sleep 60 & echo $! > {tmp_path}/{name}.pid; wait")
    program("chip-smi", "echo here")
    tools = (*(Tool(name, "ffff", ("info",), lambda answers: ()) for name in ("slow-one", "slow-two")), QUICK)
    began = time.monotonic()
    heard = Enquiry(tools, limit_s=3).finish()
    assert time.monotonic() - began < 30  # far below the tools' 60 s, far above what a busy machine needs
    assert [one.failures.get("info") for one in heard] == ["no answer within 3 s", "no answer within 3 s", None]
    assert heard[2].answers == {"info": "here\n"}
    for name in ("slow-one", "slow-two"):
        assert _ends(int((tmp_path / f"{name}.pid").read_text()))


def test_a_tool_that_writes_files_writes_them_where_nobody_looks(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program("chip-smi", "touch cnmon_info.json; pwd")
    (heard,) = Enquiry((QUICK,)).finish()
    assert not (tmp_path / "cnmon_info.json").exists()
    assert not Path(heard.answers["info"].strip()).exists()


def test_a_program_that_cannot_be_started_is_a_failure(program):
    program("chip-smi", "").write_text("#!/no/such/interpreter\n")
    (heard,) = Enquiry((QUICK,)).finish()
    assert "cannot be started" in heard.failures["info"]


def test_endless_output_is_cut(program):
    program("chip-smi", "yes chipassay | head -c 3000000")
    (heard,) = Enquiry((QUICK,)).finish()
    assert len(heard.answers["info"]) == 1 << 20


def test_bytes_that_are_no_text_are_read_all_the_same(program):
    program("chip-smi", r"printf '\377\376 x'")
    (heard,) = Enquiry((QUICK,)).finish()
    assert heard.answers["info"].endswith(" x")
