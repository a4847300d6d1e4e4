"""What disturbs a repetition is marked past its threshold, and not below."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from profiler import spoilers
from profiler.spoilers import DETECTORS, Counters, read_counters, spoilers_between

QUIET = Counters(at_s=10.0, own_cpu_s=5.0, busy_s=100.0, steal_s=1.0, major_faults=3, swapped_pages=7)


def after(**changes):
    """Two seconds later, with nothing else changed but ``changes``."""
    return replace(QUIET, at_s=12.0, **{name: getattr(QUIET, name) + value for name, value in changes.items()})


def test_a_quiet_repetition_is_not_marked():
    assert spoilers_between(QUIET, after(own_cpu_s=4.0, busy_s=4.1)) == ()


@pytest.mark.parametrize(
    ("detector", "changes", "value"),
    [
        ("major_faults", {"major_faults": 1}, 1),
        ("swapping", {"swapped_pages": 2}, 2),
        ("cpu_steal", {"steal_s": 0.12}, 0.06),
        ("other_load", {"busy_s": 0.4}, 0.2),
    ],
)
def test_each_disturbance_is_marked_with_its_reading_and_threshold(detector, changes, value):
    (found,) = spoilers_between(QUIET, after(**changes))
    limits = {known.name: known for known in DETECTORS}[detector]
    assert (found.detector, found.unit, found.threshold) == (detector, limits.unit, limits.threshold)
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("changes", [{"steal_s": 0.08}, {"busy_s": 0.28}, {"busy_s": 2.0, "own_cpu_s": 1.9}])
def test_what_stays_below_a_threshold_is_not_marked(changes):
    assert spoilers_between(QUIET, after(**changes)) == ()


def test_the_work_of_the_worker_itself_is_no_disturbance():
    assert spoilers_between(QUIET, after(busy_s=4.0, own_cpu_s=4.0)) == ()
    (found,) = spoilers_between(QUIET, after(busy_s=4.0, own_cpu_s=2.0))
    assert (found.detector, found.value) == ("other_load", pytest.approx(1.0))


def test_every_detector_says_what_it_means():
    assert [detector.name for detector in DETECTORS] == ["major_faults", "swapping", "cpu_steal", "other_load"]
    assert all(detector.meaning and detector.unit for detector in DETECTORS)


def test_counters_of_this_machine_never_fall():
    first = read_counters()
    sum(range(200_000))
    second = read_counters()
    assert second.at_s > first.at_s and second.own_cpu_s > first.own_cpu_s
    assert second.busy_s >= first.busy_s > 0
    assert sys.platform == "linux"


def proc(monkeypatch, files):
    """A machine whose /proc holds ``files`` only."""
    real = Path.read_text

    def read(self, *args, **kwargs):
        if not str(self).startswith("/proc/"):
            return real(self, *args, **kwargs)
        if str(self) not in files:
            raise FileNotFoundError(str(self))
        return files[str(self)]

    monkeypatch.setattr(Path, "read_text", read)


def test_processor_times_and_swaps_are_read_as_linux_writes_them(monkeypatch):
    stat = "cpu  100 20 30 4000 500 6 7 80 9 10\ncpu0 1 1 1 1\n"
    vmstat = "nr_free_pages 5\npswpin 3\npswpout 4\npswpin_zero 900\n"
    proc(monkeypatch, {"/proc/stat": stat, "/proc/vmstat": vmstat})
    monkeypatch.setattr(spoilers.os, "sysconf", lambda name: 100)
    counters = read_counters()
    assert counters.busy_s == pytest.approx(1.63)
    assert counters.steal_s == pytest.approx(0.8)
    assert counters.swapped_pages == 7


def test_a_machine_without_proc_has_no_such_spoilers(monkeypatch):
    proc(monkeypatch, {})
    counters = read_counters()
    assert (counters.busy_s, counters.steal_s, counters.swapped_pages) == (0, 0, 0)
    assert {found.detector for found in spoilers_between(counters, read_counters())} <= {"major_faults"}
