"""``ceilings-DEVICE.json``: what one device can do at best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from profiler.records.quantity import Quantity


@dataclass(frozen=True, slots=True)
class CeilingSample:
    """One sample of a ceiling: when it was taken, how much was moved or computed, and how long that took."""

    at_ns: int
    amount: float
    duration_ns: int


@dataclass(frozen=True, slots=True)
class CeilingTrial:
    """How fast one library was before the run, per second; None if it failed (``failure`` says why)."""

    library: str
    rate: float | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What one device can do at best, sampled beside every repetition of every target on it.

    ``device`` is ``cpu``, or an accelerator as PyTorch would name it. ``read_bandwidth`` in B/s (the processor reads a
    large array with all threads; an accelerator copies one, and bytes read and written count); ``gemm`` in operations
    per second, by arithmetic (``float32``, ``bfloat16``, ``int8``). Both are medians over the run; MBU and MFU use the
    samples right before and after each repetition. ``trials`` holds every library that was tried for ``read`` and for
    each arithmetic; the fastest was sampled.
    """

    threads: int
    read_bandwidth: Quantity
    gemm: dict[str, Quantity]
    read_samples: tuple[CeilingSample, ...]
    gemm_samples: dict[str, tuple[CeilingSample, ...]]
    device: str = "cpu"
    trials: dict[str, tuple[CeilingTrial, ...]] = field(default_factory=dict)


def ceiling_beside(samples: Sequence[CeilingSample], begin_ns: int, end_ns: int) -> float | None:
    """Return the ceiling of a window, per second: mean of the last sample before it and the first one after it.

    None if the window is not enclosed by samples.
    """
    before = [sample for sample in samples if sample.at_ns <= begin_ns]
    after = [sample for sample in samples if sample.at_ns >= end_ns]
    if not before or not after:
        return None
    last, first = max(before, key=lambda s: s.at_ns), min(after, key=lambda s: s.at_ns)
    return (last.amount / last.duration_ns + first.amount / first.duration_ns) / 2 * 1e9
