"""What a device can do at best, measured in the same run and beside every repetition.

Read bandwidth: all threads of the processor sum a float32 array far larger than any cache; an accelerator copies one,
bytes read and written counted together. Matrix product: two square matrices, large enough to be compute-bound. A
shared or virtual machine changes by tens of per cent within seconds (a two-core guest went from 29 to 53 GB/s and back,
as its cores moved about the host), so one figure at the start of a run says little. A separate probe process waits
beside the run; before each repetition and after the last, the worker pauses and the probe measures. A repetition is
then judged against what the device could do at that moment.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from backends.common.errors import WorkerError
from profiler.records.bundle import CPU
from profiler.records.ceilings import Ceilings, CeilingSample
from profiler.records.quantity import Quantity
from profiler.run.plan import in_one_line
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median

READ_BYTES = 256 * 1024 * 1024
GEMM_SIZE = 1536
GEMM_SIZES = (GEMM_SIZE, 1024, 512, 256)
MOST_PASS_S = 0.5
"""A product that takes longer is made smaller: without bfloat16 instructions a processor does 1 GFLOP/s in it."""
PASSES = 3
"""Each sample is the fastest of this many passes: noise within them can only slow a pass down."""

DEVICE_COPY_BYTES = 1024 * 1024 * 1024
DEVICE_GEMM_SIZE = 8192
FLOAT8 = "float8_e4m3fn"
DEVICE_CALLS = 8
"""Calls in one pass on an accelerator: enough that waiting for the device once weighs nothing."""


class CeilingProbe:
    """The probe process of one device (``cpu``, ``cuda:0``), and every sample it has taken."""

    def __init__(self, threads: int, arithmetic: Sequence[str], environment: dict[str, str], device: str = CPU) -> None:
        self._threads = threads
        self._device = device
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "profiler.run.ceilings", device, str(threads), *arithmetic],
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
        taken = msgspec.json.decode(line, type=dict[str, CeilingSample] | str) if line else "its process died"
        if isinstance(taken, str):
            where = "the machine" if self._device == CPU else self._device
            raise WorkerError(f"the ceilings of {where} cannot be measured: {taken}")
        self._read.append(taken.pop("read"))
        for name, sample in taken.items():
            self._gemm[name].append(sample)

    def ceilings(self) -> Ceilings:
        """Return all samples so far, and their medians."""
        if self._device == CPU:
            moved, size = f"summing {READ_BYTES >> 20} MiB of float32", GEMM_SIZE
        else:
            moved, size = f"copying {DEVICE_COPY_BYTES >> 20} MiB on the device, read and written", DEVICE_GEMM_SIZE
        return Ceilings(
            threads=self._threads,
            read_bandwidth=_typical(self._read, "B/s", moved),
            gemm={
                name: _typical(samples, "FLOP/s", f"{size}x{size}x{size} {name} product")
                for name, samples in self._gemm.items()
            },
            read_samples=tuple(self._read),
            gemm_samples={name: tuple(samples) for name, samples in self._gemm.items()},
            device=self._device,
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


class NoProbe:
    """Stands in for the probe of a device whose ceilings cannot be measured here: ``reason`` says why."""

    def __init__(self, threads: int, device: str, reason: str) -> None:
        self._threads, self._device, self._reason = threads, device, reason

    def sample(self) -> None:
        """Measure nothing."""

    def ceilings(self) -> Ceilings:
        """No samples, with the reason."""
        return Ceilings(
            threads=self._threads,
            read_bandwidth=Quantity.unavailable("B/s", f"not measured on {self._device}: {self._reason}"),
            gemm={},
            read_samples=(),
            gemm_samples={},
            device=self._device,
        )

    def close(self) -> None:
        """Nothing to end."""


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


def affordable_size(smallest: CeilingSample) -> int:
    """Return the largest of ``GEMM_SIZES`` whose product takes at most ``MOST_PASS_S`` at the rate of ``smallest``."""
    rate = smallest.amount / smallest.duration_ns * 1e9
    return next((size for size in GEMM_SIZES if 2.0 * size**3 / rate <= MOST_PASS_S), GEMM_SIZES[-1])


def _processor(threads: int, arithmetic: Sequence[str]) -> dict[str, Callable[[], CeilingSample]]:
    """Return what to measure on the host's processor."""
    import torch

    torch.set_num_threads(threads)
    array = torch.ones(READ_BYTES // 4)

    def product(name: str) -> Callable[[], CeilingSample]:
        def square(size: int) -> Callable[[], CeilingSample]:
            matrix = torch.ones(size, size, dtype=getattr(torch, name))
            return lambda: _fastest(lambda: matrix @ matrix, 2.0 * size**3)

        return square(affordable_size(square(GEMM_SIZES[-1])()))

    return {"read": lambda: _fastest(array.sum, float(READ_BYTES)), **{name: product(name) for name in arithmetic}}


def _accelerator(module: Any, device: str, arithmetic: Sequence[str]) -> dict[str, Callable[[], CeilingSample]]:
    """Return what to measure on an accelerator: random values, since equal ones draw less power and are faster.

    ``module`` is PyTorch's for the device's type. Memory is taken for the time of a sample only: the model needs it
    meanwhile.
    """
    import torch

    def repeated(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(DEVICE_CALLS):
                call()
            module.synchronize(device)

        run()
        return run

    def copy() -> CeilingSample:
        source = torch.ones(DEVICE_COPY_BYTES // 4, device=device)
        destination = torch.empty_like(source)
        return _fastest(repeated(lambda: destination.copy_(source)), 2.0 * DEVICE_COPY_BYTES * DEVICE_CALLS)

    def product(name: str) -> CeilingSample:
        left, right = (torch.randn(DEVICE_GEMM_SIZE, DEVICE_GEMM_SIZE, device=device) for _ in range(2))
        if name != FLOAT8:
            left, right = (matrix.to(getattr(torch, name)) for matrix in (left, right))
            return _fastest(repeated(lambda: left @ right), 2.0 * DEVICE_GEMM_SIZE**3 * DEVICE_CALLS)
        left, right = left.to(torch.float8_e4m3fn), right.to(torch.float8_e4m3fn).t()
        one = torch.ones((), device=device)
        scaled = functools.partial(torch._scaled_mm, left, right, one, one, out_dtype=torch.bfloat16)
        return _fastest(repeated(scaled), 2.0 * DEVICE_GEMM_SIZE**3 * DEVICE_CALLS)

    def releasing(take: Callable[[], CeilingSample]) -> Callable[[], CeilingSample]:
        def sample() -> CeilingSample:
            try:
                return take()
            finally:
                module.empty_cache()

        return sample

    products = {name: releasing(lambda name=name: product(name)) for name in arithmetic}  # type: ignore[misc]
    return {"read": releasing(copy), **products}


def main() -> None:
    """Run the probe process: one sample for every line on standard input, until it ends."""
    device, threads, *arithmetic = sys.argv[1:]
    if device == CPU:
        probes = _processor(int(threads), arithmetic)
    else:
        from backends.torch_device.kinds import load_device_module

        probes = _accelerator(load_device_module(device), device, arithmetic)
    for _ in sys.stdin.buffer:
        _say({name: take() for name, take in probes.items()})


def _say(what: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main()
    except Exception as failure:  # noqa: BLE001 - a device that is lost or full is told to the parent in one line
        _say(in_one_line(failure))
