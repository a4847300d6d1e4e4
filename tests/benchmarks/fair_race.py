"""Is a ratio worth its interval? Targets in turns against one after the other, quiet and beside another process.

``python -m tests.benchmarks.fair_race [TRIALS]`` profiles two targets of the processor with ``chipassay profile`` and
prints for each run the ratio of their decode rates, its interval, and how far segments are from repetitions.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from profiler.records.bundle import read_bundle
from profiler.records.target import TargetRecord
from reports.judge.comparison.comparison import compare

BUDGET_S = 30
BUSY_S = 5.0
"""The other process takes one core for this long, then rests as long."""


@contextlib.contextmanager
def neighbour(busy: bool) -> Iterator[None]:
    """Run a process that takes one core 5 s of every 10, if ``busy``."""
    over = threading.Event()

    def disturb() -> None:
        while not over.is_set():
            spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            over.wait(BUSY_S)
            spin.kill()
            spin.wait()
            over.wait(BUSY_S)

    thread = threading.Thread(target=disturb) if busy else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread:
            thread.join()


def run(folder: Path, *options: str) -> str:
    """Profile once; return the ratio and what it rests on."""
    command = [sys.executable, "-m", "reports.cli.main", "profile", "--model", "qwen3-0.6b", "--prompt-tokens", "128",
               "--output-tokens", "64", "--target", "torch-cpu", "--target", "onnx-cpu", "--budget", str(BUDGET_S),
               "--out", str(folder), *options]  # fmt: skip
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took_s = time.monotonic() - began
    bundle = read_bundle(folder)
    group = compare([bundle]).groups[0]
    slower = next(row for row in group.conclusive if row is not group.fastest)
    ratio = group.lead(slower)
    assert ratio is not None
    low, high = ratio.ci95 or (float("nan"),) * 2
    width = 50 * (high - low) / ratio.value
    moved = [f"{one.id} {100 * change:+.1f} %" for one in bundle.targets if (change := changed(one)) is not None]
    return f"{ratio.value:.3f} [{low:.3f}-{high:.3f}] ±{width:.1f} % in {took_s:.0f} s; {', '.join(moved)}"


def changed(record: TargetRecord) -> float | None:
    """Return by how much segments are faster than the same steps of repetitions; None without segments."""
    worker = record.worker
    if worker is None or not worker.segments:
        return None
    mine: dict[tuple[int, int], list[int]] = {}
    for one in worker.segments:
        if one.at:
            mine.setdefault((one.at, one.tokens), []).append(one.duration_ns)
    runs = [run.token_ns for run in worker.counted]
    theirs = sum(median(run[at + tokens - 1] - run[at - 1] for run in runs) for at, tokens in mine)
    return theirs / sum(median(durations) for durations in mine.values()) - 1


def main() -> None:
    """Print a line per run."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for busy in (False, True):
        for way, options in (("in turns", ()), ("one by one", ("--one-by-one",))):
            for _ in range(trials):
                with tempfile.TemporaryDirectory() as folder, neighbour(busy):
                    print(f"{'busy' if busy else 'quiet'}, {way}: {run(Path(folder) / 'run', *options)}", flush=True)


if __name__ == "__main__":
    main()
