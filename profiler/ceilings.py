"""What the machine can do at best, measured in the same run and beside every repetition.

Read bandwidth: all threads sum a float32 array far larger than any cache. Matrix product: two square matrices, large
enough to be compute-bound. A shared or virtual machine changes by tens of per cent within seconds (a two-core guest
went from 29 to 53 GB/s and back, as its cores moved about the host), so one figure at the start of a run says little.
A probe process of its own waits beside the run; before each repetition and after the last, the worker pauses and the
probe measures. A repetition is then judged against what the machine could do at that moment.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from backends.errors import WorkerError
from profiler.quantity import Quantity
from profiler.record import Ceilings, CeilingSample
from profiler.statistics import median, median_ci95

READ_BYTES = 256 * 1024 * 1024
GEMM_SIZE = 1536
PASSES = 3
"""Each sample is the fastest of this many passes: noise within them can only slow a pass down."""


class CeilingProbe:
    """The probe process, and every sample it has taken."""

    def __init__(self, threads: int, arithmetic: Sequence[str], environment: dict[str, str]) -> None:
        self._threads = threads
        self._process = subprocess.Popen(
            [sys.executable, "-m", "profiler.ceilings", str(threads), *arithmetic],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._read: list[CeilingSample] = []
        self._gemm: dict[str, list[CeilingSample]] = {name: [] for name in arithmetic}

    def sample(self) -> None:
        """Measure once, now (about 0.2 s on two cores)."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise WorkerError("the probe that measures the machine's ceilings died; see the messages above")
        taken = msgspec.json.decode(line, type=dict[str, CeilingSample])
        self._read.append(taken.pop("read"))
        for name, sample in taken.items():
            self._gemm[name].append(sample)

    def ceilings(self) -> Ceilings:
        """All samples so far, and their medians."""
        return Ceilings(
            threads=self._threads,
            read_bandwidth=_typical(self._read, "B/s", f"summing {READ_BYTES >> 20} MiB of float32"),
            gemm={
                name: _typical(samples, "FLOP/s", f"{GEMM_SIZE}x{GEMM_SIZE}x{GEMM_SIZE} {name} product")
                for name, samples in self._gemm.items()
            },
            read_samples=tuple(self._read),
            gemm_samples={name: tuple(samples) for name, samples in self._gemm.items()},
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                # What a dead probe was not told is still in the buffer, and cannot be flushed.
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def ceiling_beside(samples: Sequence[CeilingSample], begin_ns: int, end_ns: int) -> float | None:
    """The ceiling of a window, per second: mean of the last sample before it and the first one after it.

    None if the window is not enclosed by samples.
    """
    before = [sample for sample in samples if sample.at_ns <= begin_ns]
    after = [sample for sample in samples if sample.at_ns >= end_ns]
    if not before or not after:
        return None
    last, first = max(before, key=lambda s: s.at_ns), min(after, key=lambda s: s.at_ns)
    return (last.amount / last.duration_ns + first.amount / first.duration_ns) / 2 * 1e9


def _typical(samples: Sequence[CeilingSample], unit: str, what: str) -> Quantity:
    if not samples:
        return Quantity.unavailable(unit, "no sample was taken")
    rates = [sample.amount / sample.duration_ns * 1e9 for sample in samples]
    method = f"{what}: median of samples beside the repetitions, each the fastest of {PASSES} passes"
    return Quantity(median(rates), unit, "measured", method, len(rates), median_ci95(rates))


def _fastest(run: Callable[[], object], amount: float) -> CeilingSample:
    samples = []
    for _ in range(PASSES):
        at = time.perf_counter_ns()
        run()
        samples.append(CeilingSample(at, amount, time.perf_counter_ns() - at))
    return min(samples, key=lambda sample: sample.duration_ns)


def main() -> None:
    """The probe process: one sample for every line on standard input, until it ends."""
    import torch

    torch.set_num_threads(int(sys.argv[1]))
    array = torch.ones(READ_BYTES // 4)
    matrices = {name: torch.ones(GEMM_SIZE, GEMM_SIZE, dtype=getattr(torch, name)) for name in sys.argv[2:]}
    for _ in sys.stdin.buffer:
        taken = {"read": _fastest(array.sum, float(READ_BYTES))}
        for name, matrix in matrices.items():
            taken[name] = _fastest(lambda matrix=matrix: matrix @ matrix, 2.0 * GEMM_SIZE**3)  # type: ignore[misc]
        sys.stdout.buffer.write(msgspec.json.encode(taken) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
