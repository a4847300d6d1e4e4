"""The cache holds whole folders only, whatever happens to the process that builds one."""

import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from backends.common import cache
from backends.common.cache import cache_root, cached_folder, require_room
from backends.common.errors import StorageError

BUILDER = """
import sys, time
from pathlib import Path
from backends.common.cache import cached_folder

def build(folder):
    (folder / "half").write_text("half")
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    time.sleep(float(sys.argv[2]))
    (folder / "whole").write_text("whole")

print(cached_folder("kind", "key", build)[1])
"""


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache for this test alone, inherited by its subprocesses."""
    monkeypatch.setenv("CHIPASSAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def start_builder(tmp_path):
    """Starts a process that builds ``kind/key`` for the given time; ``log`` has a line per build."""
    log = tmp_path / "log"
    log.touch()

    def start(seconds):
        return subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(log), str(seconds)], stdout=subprocess.PIPE, text=True
        )

    start.log = log
    return start


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_two_processes_that_want_the_same_folder_build_it_once(own_cache, start_builder):
    processes = [start_builder(0.8), start_builder(0.8)]
    answers = sorted(process.communicate(timeout=30)[0].strip() for process in processes)
    assert answers == ["False", "True"]
    assert start_builder.log.read_text() == "built\n"
    assert (own_cache / "kind" / "key" / "whole").read_text() == "whole"


def test_a_killed_build_leaves_nothing_usable_and_the_next_one_succeeds(own_cache, start_builder):
    first = start_builder(60)
    wait_until(start_builder.log.read_text)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (own_cache / "kind" / "key").exists()

    second = start_builder(0)
    assert second.communicate(timeout=30)[0].strip() == "False"
    assert (own_cache / "kind" / "key" / "whole").exists()
    assert sorted(path.name for path in (own_cache / "kind").iterdir()) == ["key", "key.lock"]


def test_a_build_that_raises_leaves_no_scratch_folder(own_cache):
    def build(folder):
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_folder("kind", "key", build)
    assert [path.name for path in (own_cache / "kind").iterdir()] == ["key.lock"]


def test_a_folder_that_is_there_is_not_built_again(own_cache):
    first, was_there = cached_folder("kind", "key", lambda folder: (folder / "file").touch())
    again, was_there_again = cached_folder("kind", "key", lambda folder: pytest.fail("built twice"))
    assert (first, was_there, was_there_again) == (again, False, True)


def test_a_cache_that_cannot_be_written_is_one_line_with_the_cure(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("CHIPASSAY_CACHE", str(blocked / "cache"))
    with pytest.raises(StorageError, match=r"cannot write .*file.*: Not a directory; set CHIPASSAY_CACHE to") as error:
        cached_folder("kind", "key", lambda folder: pytest.fail("must not build"))
    assert "\n" not in str(error.value)


def test_too_little_room_is_told_before_anything_is_built(own_cache, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**12, 10**12 - 10**9, 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match=r"not enough room in .*: 3\.0 GB needed, 1\.0 GB free"):
        cached_folder("kind", "key", lambda folder: pytest.fail("must not build"), needed_bytes=3 * 10**9)
    assert not (own_cache / "kind" / "key").exists()
    require_room(own_cache, 10**9)


def test_a_disk_that_fills_up_while_building_is_one_line_and_leaves_nothing(own_cache):
    def build(folder):
        (folder / "half").touch()
        raise OSError(28, "No space left on device", str(folder / "half"))

    with pytest.raises(StorageError, match="No space left on device; set CHIPASSAY_CACHE"):
        cached_folder("kind", "key", build)
    assert not any(path.is_dir() for path in (own_cache / "kind").iterdir())


def test_without_the_variable_the_cache_is_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CHIPASSAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "chipassay"
    assert cache.ROOT_VARIABLE == "CHIPASSAY_CACHE"
    assert isinstance(cache_root(), Path)
