"""What disturbs a repetition is marked past its threshold, and not below."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from profiler.disturbance import host as spoilers
from profiler.disturbance.host import DETECTORS, Counters, mark_frequency_drift, read_counters, spoilers_between
from profiler.disturbance.verdict import disturbance
from profiler.records.target import Spoiler

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
        ("memory_pressure", {"memory_stall_s": 0.04}, 0.02),
        ("run_queue", {"queued_s": 0.5}, 0.25),
        ("clock_step", {"wall_offset_s": -0.3}, 0.3),
    ],
)
def test_each_disturbance_is_marked_with_its_reading_and_threshold(detector, changes, value):
    (found,) = spoilers_between(QUIET, after(**changes))
    limits = {known.name: known for known in DETECTORS}[detector]
    assert (found.detector, found.unit, found.threshold) == (detector, limits.unit, limits.threshold)
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"steal_s": 0.08},
        {"busy_s": 0.28},
        {"busy_s": 2.0, "own_cpu_s": 1.9},
        {"memory_stall_s": 0.01},
        {"queued_s": 0.19},
        {"wall_offset_s": 0.04},
        {"frequency_hz": -1e9},
    ],
)
def test_what_stays_below_a_threshold_is_not_marked(changes):
    assert spoilers_between(QUIET, after(**changes)) == ()


def test_the_work_of_the_worker_itself_is_no_disturbance():
    assert spoilers_between(QUIET, after(busy_s=4.0, own_cpu_s=4.0)) == ()
    (found,) = spoilers_between(QUIET, after(busy_s=4.0, own_cpu_s=2.0))
    assert (found.detector, found.value) == ("other_load", pytest.approx(1.0))


def test_every_detector_says_what_it_means():
    names = [detector.name for detector in DETECTORS]
    assert len(set(names)) == len(names) == 7
    assert all(detector.remedy and detector.unit for detector in DETECTORS)


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
    pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    monkeypatch.setattr(spoilers.os, "listdir", lambda folder: ["7", "8", "9"])
    tasks = {"/proc/self/task/7/schedstat": "5 1000000000 3\n", "/proc/self/task/8/schedstat": "9 250000000 1\n"}
    proc(monkeypatch, {"/proc/stat": stat, "/proc/vmstat": vmstat, "/proc/pressure/memory": pressure, **tasks})
    monkeypatch.setattr(spoilers.os, "sysconf", lambda name: 100)
    counters = read_counters()
    assert counters.busy_s == pytest.approx(1.63)
    assert counters.steal_s == pytest.approx(0.8)
    assert counters.swapped_pages == 7
    assert (counters.queued_s, counters.memory_stall_s) == (1.25, 1.5)


def test_a_machine_without_proc_has_no_such_spoilers(monkeypatch):
    proc(monkeypatch, {})
    counters = read_counters()
    assert (counters.busy_s, counters.steal_s, counters.swapped_pages) == (0, 0, 0)
    assert (counters.queued_s, counters.memory_stall_s) == (0, 0)
    assert {found.detector for found in spoilers_between(counters, read_counters())} <= {"major_faults"}


def test_the_clock_of_the_cores_is_read_as_linux_tells_it(tmp_path, monkeypatch):
    monkeypatch.setattr(spoilers, "CPUS", tmp_path)
    monkeypatch.setattr(spoilers.os, "sched_getaffinity", lambda pid: {0, 3})
    assert read_counters().frequency_hz == 0
    for core, khz in ((0, 2_000_000), (1, 9_000_000), (3, 3_000_000)):
        folder = tmp_path / f"cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
    assert read_counters().frequency_hz == 2.5e9


def test_a_repetition_that_the_cores_ended_slower_than_usual_is_marked(make_repetition):
    repetitions = [make_repetition(n) for n in range(5)]
    ended = [replace(QUIET, frequency_hz=hz) for hz in (3.0e9, 3.1e9, 2.6e9, 2.8e9, 0.0)]
    marked = mark_frequency_drift(repetitions, ended)
    assert [bool(repetition.spoilers) for repetition in marked] == [False, False, True, False, False]
    (found,) = marked[2].spoilers
    assert (found.detector, found.threshold) == ("frequency_drift", 0.1)
    assert found.value == pytest.approx(1 - 2.6 / 2.9)
    assert mark_frequency_drift(repetitions, [QUIET] * 5) == tuple(repetitions)


def marked_runs(make_repetition, *detectors):
    """One repetition for each entry: None for one that was left alone, a name for a disturbed one."""
    made = [make_repetition(0, spoilers=(Spoiler("cpu_steal", 1, 0, "cores"),), warmup=True)]
    return [*made, *(make_repetition(0, spoilers=(Spoiler(d, 1, 0, "1"),) if d else ()) for d in detectors)]


@pytest.mark.parametrize(
    ("detectors", "too_much"),
    [((None, None), False), (("cpu_steal", None), False), (("cpu_steal", "device_shared", None), True)],
)
def test_a_run_is_too_disturbed_when_most_of_it_is(make_repetition, detectors, too_much):
    assert disturbance(marked_runs(make_repetition, *detectors)).too_much is too_much


def test_what_disturbed_is_counted_and_has_its_remedy(make_repetition):
    assert disturbance(marked_runs(make_repetition, None, None)).remedies == {}
    most = disturbance(marked_runs(make_repetition, "device_shared", "cpu_steal", "device_shared"))
    assert (most.marked, most.counted, most.by_detector) == (3, 3, {"device_shared": 2, "cpu_steal": 1})
    assert list(most.remedies) == ["device_shared", "cpu_steal"] and all(most.remedies.values())
