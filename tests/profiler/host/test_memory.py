"""Memory by the kernel's own accounts."""

import subprocess
import sys

import psutil
import pytest

from profiler.host import memory
from profiler.host.memory import available_bytes, read_memory

GREEDY = """
from profiler.host.memory import read_memory
before = read_memory()
block = bytearray(200_000_000)
del block
after = read_memory()
print(after.peak_resident_bytes - before.peak_resident_bytes, after.anonymous_bytes - before.anonymous_bytes)
"""


def test_the_high_water_mark_remembers_what_was_freed():
    out = subprocess.run([sys.executable, "-c", GREEDY], capture_output=True, text=True, check=True).stdout
    peak, present = map(int, out.split())
    assert 190_000_000 < peak < 260_000_000
    assert present < 50_000_000


def test_resident_memory_splits_into_anonymous_and_mapped_files():
    reading = read_memory()
    assert reading.anonymous_bytes > 1_000_000 and reading.file_bytes > 1_000_000
    assert reading.peak_resident_bytes >= reading.anonymous_bytes


@pytest.mark.parametrize(
    ("limit", "used", "expected"), [("3000", "1000", 2000), ("1000", "3000", 0), ("max", "5", None)]
)
def test_the_containers_limit_bounds_what_can_be_had(tmp_path, monkeypatch, limit, used, expected):
    (tmp_path / "max").write_text(limit + "\n")
    (tmp_path / "current").write_text(used + "\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", tmp_path / "max")
    monkeypatch.setattr(memory, "_CGROUP_USED", tmp_path / "current")
    if expected is None:
        assert available_bytes() > 10_000_000
    else:
        assert available_bytes() == expected


def test_without_a_container_it_is_what_the_machine_has(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", tmp_path / "none")
    assert 0 < available_bytes() <= psutil.virtual_memory().total
