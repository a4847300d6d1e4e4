"""Scratch folders go, whoever made them."""

import subprocess
import sys

import pytest

from backends.common.errors import StorageError
from backends.vendors.base.scratch import scratch_folder

HOLD = """
import os, signal, sys
from backends.vendors.base.scratch import scratch_folder
with scratch_folder("tool", 0) as folder:
    (folder / "weights").write_text("large")
    print(folder, flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_removed_at_the_end_also_of_a_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPASSAY_CACHE", str(tmp_path))
    with pytest.raises(RuntimeError), scratch_folder("tool", 0) as folder:
        (folder / "weights").write_text("large")
        raise RuntimeError
    assert not folder.exists() and folder.is_relative_to(tmp_path)


def test_one_in_use_stays_and_what_a_killed_process_left_goes(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPASSAY_CACHE", str(tmp_path))
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    left = tmp_path / "scratch" / holder.stdout.readline().strip().rpartition("/")[2]
    with scratch_folder("tool", 0):
        assert (left / "weights").exists()
    holder.communicate()
    assert (left / "weights").exists()
    with scratch_folder("tool", 0):
        assert not left.exists()


def test_too_little_room_is_told_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPASSAY_CACHE", str(tmp_path))
    with pytest.raises(StorageError, match="not enough room"), scratch_folder("tool", 10**18):
        pass
    assert not list((tmp_path / "scratch").iterdir())
