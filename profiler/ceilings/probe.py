"""The probe process of a device, and the samples that it takes beside the repetitions.

A shared or virtual machine changes by tens of per cent within seconds (a two-core guest went from 29 to 53 GB/s and
back, as its cores moved about the host), so one figure at the start of a run says little. A separate process waits
beside the run; before each repetition and after the last, the worker pauses and the probe measures. A repetition is
then judged against what the device could do at that moment. Which library is fastest is found out once, at the start.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from backends.common.errors import WorkerError
from profiler.ceilings.candidate import PASSES, READ, USUAL, Shape
from profiler.records.bundle import CPU
from profiler.records.ceilings import Ceilings, CeilingSample, CeilingTrial
from profiler.records.quantity import Quantity
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median

T = TypeVar("T")

Found = dict[str, tuple[str, tuple[CeilingTrial, ...]]]
"""For ``read`` and each arithmetic: the name of what is sampled, empty if nothing works, and what was tried."""


class CeilingProbe:
    """The probe process of one device (``cpu``, ``cuda:0``), and every sample it has taken."""

    def __init__(
        self,
        threads: int,
        arithmetic: Sequence[str],
        environment: dict[str, str],
        device: str = CPU,
        shape: Shape = USUAL,
    ) -> None:
        self._threads = threads
        self._device = device
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "profiler.ceilings", device, str(threads), str(shape), *arithmetic],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._samples: dict[str, list[CeilingSample]] = {name: [] for name in (READ, *arithmetic)}
        self._found: Found = {}

    def choose(self) -> None:
        """Let every library at hand try, in a quiet moment; the first :meth:`sample` does it otherwise.

        Raises:
            WorkerError: The device cannot be measured, or memory cannot be read in any way.
        """
        if not self._found:
            self._found = self._ask(Found)
            if not self._found[READ][0]:
                raise self._error("; ".join(trial.failure for trial in self._found[READ][1]))

    def sample(self) -> None:
        """Measure once, now (about 0.2 s on two cores)."""
        self.choose()
        for name, sample in self._ask(dict[str, CeilingSample]).items():
            self._samples[name].append(sample)

    def _ask(self, kind: type[T]) -> T:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        answer: T | str = msgspec.json.decode(line, type=kind | str) if line else "its process died"  # type: ignore[operator]
        if isinstance(answer, str):
            raise self._error(answer)
        return answer

    def _error(self, why: str) -> WorkerError:
        where = "the machine" if self._device == CPU else self._device
        return WorkerError(f"the ceilings of {where} cannot be measured: {why}")

    def ceilings(self) -> Ceilings:
        """Return all samples so far, and their medians."""
        gemm = {name: samples for name, samples in self._samples.items() if name != READ}
        return Ceilings(
            threads=self._threads,
            read_bandwidth=self._typical(READ, "B/s"),
            gemm={name: self._typical(name, "FLOP/s") for name in gemm},
            read_samples=tuple(self._samples[READ]),
            gemm_samples={name: tuple(samples) for name, samples in gemm.items()},
            device=self._device,
            trials={name: trials for name, (_, trials) in self._found.items()},
        )

    def _typical(self, name: str, unit: str) -> Quantity:
        way, trials = self._found.get(name, ("", ()))
        if trials and not way:
            return Quantity.unavailable(unit, "; ".join(f"{trial.library}: {trial.failure}" for trial in trials))
        samples = self._samples[name]
        if not samples:
            return Quantity.unavailable(unit, "no sample was taken")
        rates = [sample.amount / sample.duration_ns * 1e9 for sample in samples]
        method = f"{way}: median of samples beside the repetitions, each the fastest of {PASSES} passes"
        return Quantity(median(rates), unit, "measured", method, len(rates), median_ci95(rates))

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

    def choose(self) -> None:
        """Choose nothing."""

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
