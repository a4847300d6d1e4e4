"""Faults of the machine in the middle of a run: killed workers, a killed parent, a race for one folder, a full disk."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from backends.common.errors import StorageError
from profiler.records.bundle import BundleWriter, read_bundle, target_file
from tests.reports.bundles import bundle
from tests.reports.cli.conftest import COMMAND, hear_every_signal

pytestmark = pytest.mark.slow

STAGES = ("prepare", "load", "score", "generate")


def test_a_worker_killed_at_any_stage_is_a_failed_target_and_the_others_finish(chipassay, small_run, tmp_path):
    names = [*(f"test-killed:{stage}" for stage in STAGES), "test-wrong"]
    done = chipassay(*small_run, *(word for name in names for word in ("--target", name)), "--out", tmp_path / "bundle")
    assert done.code == 1
    *killed, wrong = read_bundle(tmp_path / "bundle").targets
    assert wrong.worker is not None
    for stage, record in zip(STAGES, killed, strict=True):
        assert (record.status, record.worker, record.metrics) == ("failed", None, {})
        assert record.failure.reason.startswith("was killed by signal 9")
        assert record.failure.stderr_tail.strip().endswith(f"reached {stage}")


@pytest.fixture
def small_cgroup():
    """A cgroup with 64 MB more than nothing, of either version; skipped where none can be made."""
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup") if v2 else Path("/sys/fs/cgroup/memory")
    limit = "memory.max" if v2 else "memory.limit_in_bytes"
    folder = root / f"chipassay-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        (folder / limit).write_text(str(64 * 2**20))
        if (swap := folder / ("memory.swap.max" if v2 else "memory.memsw.limit_in_bytes")).exists():
            swap.write_text("0" if v2 else str(64 * 2**20))
    except OSError as error:
        folder.rmdir()
        pytest.skip(f"the memory of a cgroup cannot be limited here: {error}")
    yield folder
    folder.rmdir()


def test_a_worker_that_the_kernel_kills_for_lack_of_memory_says_so_and_the_others_finish(
    chipassay, small_run, tmp_path, small_cgroup
):
    targets = ("--target", "test-greedy", "--target", "test-wrong")
    out = tmp_path / "bundle"
    done = chipassay(*small_run, *targets, "--out", out, GREEDY_CGROUP=str(small_cgroup))
    assert done.code == 1
    greedy, wrong = read_bundle(out).targets
    assert wrong.worker is not None
    assert (greedy.status, greedy.worker) == ("failed", None)
    assert greedy.failure.stderr_tail.strip().endswith("joined a small cgroup")
    assert greedy.failure.reason.startswith("was killed by signal 9 when the kernel killed for lack of memory")


def test_a_killed_reference_ends_the_run_in_one_line_and_the_next_run_computes_it(environment, small_run, tmp_path):
    cache = tmp_path / "cache"
    own = {**environment, "CHIPASSAY_CACHE": str(cache)}
    command = [*COMMAND, *map(str, small_run), "--target", "test-wrong", "--out", str(tmp_path / "out" / "bundle")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own) as process:
        scratch = one_that_appears(lambda: [*cache.glob("reference/.*/")], process)
        workers = lambda: [p for p in psutil.Process(process.pid).children() if "profiler.run.worker" in p.cmdline()]  # noqa: E731
        one_that_appears(workers, process).kill()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, ""), err
    assert [line for line in err.splitlines() if line.startswith("chipassay: ")] == [err.strip().splitlines()[-1]]
    assert "the float32 reference failed: was killed by signal 9" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert not scratch.exists()
    assert [path.suffix for path in (cache / "reference").iterdir()] == [".lock"]
    assert [*(tmp_path / "out").iterdir()] == []

    again = subprocess.run(command, capture_output=True, text=True, env=own, check=False)
    assert again.returncode == 1, "its target is not comparable"
    found = read_bundle(tmp_path / "out" / "bundle")
    assert found.reference is not None
    assert not found.reference.cached


def one_that_appears(find, process):
    """The first thing that ``find`` finds while ``process`` runs."""
    deadline = time.monotonic() + 120
    while not (found := find()):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.005)
    return found[0]


@pytest.fixture(params=["one by one"])
def started(request, environment, small_run, tmp_path):
    """A profile whose second target sleeps while it loads: the process, and everything it has started."""
    pid_file = tmp_path / "pid"
    targets = ["--target", "test-wrong", "--target", "test-sleepy"]
    if request.param == "one by one":
        targets.append("--one-by-one")
    process = subprocess.Popen(
        [*COMMAND, *map(str, small_run), *targets, "--out", str(tmp_path / "out" / "bundle")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**environment, "SLEEPY_PID_FILE": str(pid_file)}, preexec_fn=hear_every_signal,  # noqa: PLW1509 - no thread runs yet
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not pid_file.exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    family = [psutil.Process(int(pid_file.read_text())), *psutil.Process(process.pid).children(recursive=True)]
    yield process, family
    for one in (*family, psutil.Process()):
        if one.pid != os.getpid() and one.is_running():
            one.kill()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_polite_end_keeps_what_is_finished_and_leaves_no_process(started, tmp_path, name):
    process, family = started
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    assert process.returncode == 130
    kept = read_bundle(tmp_path / "out" / "bundle")
    assert kept.index.state == "interrupted"
    assert [record.id for record in kept.targets] == ["test-wrong@float32"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bundle"]
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_a_killed_parent_leaves_no_process_and_a_readable_bundle_of_what_was_finished(started, tmp_path):
    process, family = started
    process.kill()
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert psutil.wait_procs(family, timeout=10)[1] == []
    (left,) = (tmp_path / "out").iterdir()
    assert left.name == f".bundle.running-{process.pid}"
    found = read_bundle(left)
    assert found.index.state == "running"
    assert [record.id for record in found.targets] == ["test-wrong@float32"]


@pytest.mark.parametrize("started", ["in turns"], indirect=True)
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_an_ended_race_leaves_no_process_not_even_one_that_stands_still(started, tmp_path, name):
    process, family = started
    assert any(one.status() == psutil.STATUS_STOPPED for one in family)
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    assert psutil.wait_procs(family, timeout=10)[1] == []
    if name == "SIGTERM":
        assert list((tmp_path / "out").iterdir()) == [], "nothing was finished"


def test_two_runs_into_one_folder_at_once_lose_nothing(environment, small_run, tmp_path):
    out = tmp_path / "bundle"
    command = [*COMMAND, *map(str, small_run), "--target", "test-wrong", "--out", str(out)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=150), process) for process in both]
    codes = sorted(process.returncode for *_, process in ended)
    assert codes == [1, 2], "one finishes (its target is not comparable), the other says what happened"
    (late,) = [(err, process) for _, err, process in ended if process.returncode == 2]
    assert (
        late[0]
        .strip()
        .splitlines()[-1]
        .startswith(f"chipassay: another run wrote {out} meanwhile; this one is kept in")
    )
    kept = tmp_path / f".bundle.running-{late[1].pid}"
    for path in (out, kept):
        found = read_bundle(path)
        assert (found.index.state, len(found.targets)) == ("complete", 1)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 256 KiB; skipped where that cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> None:
    """Use up every byte that is left."""
    with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", buffering=0) as handle:
        while True:
            handle.write(b"x" * 4096)


def remount_read_only(disk: Path) -> None:
    """As the kernel does after an error of the disk."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.mark.parametrize(
    ("fault", "words"), [(fill, "No space left on device"), (remount_read_only, "Read-only file system")]
)
def test_a_disk_that_fails_during_the_write_keeps_the_last_whole_state(small_disk, fault, words):
    made = bundle()
    record = made.targets[0]
    writer = BundleWriter(small_disk / "bundle", made.index)
    writer.put("host.json", made.host)
    writer.put(target_file(record.id), record)
    fault(small_disk)
    with pytest.raises(StorageError, match=rf"cannot write .*: {words}; choose another --out, or free some room"):
        writer.put("ceilings-cpu.json", made.ceilings["cpu"])
    kept = read_bundle(writer.folder)
    assert kept.targets == (record,)
    assert kept.index.files.keys() == {"host.json", target_file(record.id)}


def test_a_full_disk_from_the_start_is_one_line_and_leaves_nothing(chipassay, small_run, small_disk):
    fill(small_disk)
    done = chipassay(*small_run, "--target", "test-wrong", "--out", small_disk / "bundle")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err.strip().splitlines()[-1].endswith("No space left on device; choose another --out, or free some room")
    )
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
