"""Handmade evidence: small enough to work every figure out with pencil and paper."""

from collections.abc import Callable

import pytest

from backends.contract import EngineFacts
from profiler.metrics import Evidence
from profiler.quantity import Quantity
from profiler.record import Ceilings, CeilingSample, MemoryReading, ParityScore, Repetition, WorkerReport

MS = 1_000_000


@pytest.fixture(scope="session")
def make_repetition() -> Callable[..., Repetition]:
    """Tokens at the given milliseconds after ``start_ms``, for ``batch`` sequences."""

    def make(start_ms: int = 0, token_ms: tuple[int, ...] = (100, 110, 120), batch: int = 1, **kwargs) -> Repetition:
        ids = tuple(tuple(range(len(token_ms))) for _ in range(batch))
        return Repetition(start_ms * MS, tuple(at * MS for at in token_ms), ids, **kwargs)

    return make


@pytest.fixture(scope="session")
def make_ceilings() -> Callable[..., Ceilings]:
    """Samples of (milliseconds, amount per second), each lasting 1 ms."""

    def samples(pairs):
        return tuple(CeilingSample(at * MS, rate / 1000, MS) for at, rate in pairs)

    def make(read=(), gemm=()) -> Ceilings:
        nothing = Quantity.unavailable("B/s", "handmade")
        return Ceilings(1, nothing, {}, samples(read), {name: samples(pairs) for name, pairs in dict(gemm).items()})

    return make


@pytest.fixture(scope="session")
def make_worker() -> Callable[..., WorkerReport]:
    """A worker's report around the given repetitions."""

    def make(repetitions, arithmetic="float32", cache="float32", peak=5_000_000) -> WorkerReport:
        parity = ParityScore(1, 1.0, 0.0, 0.0, True, {}, (True,), (0.0,), (0.0,), 1)
        engine = EngineFacts("test", "1", arithmetic, cache)
        memory = MemoryReading(peak, 4_000_000, 1_000)
        return WorkerReport(engine, 1, 0.5, tuple(repetitions), True, "handmade", parity, memory, {}, {})

    return make


@pytest.fixture(scope="session")
def make_evidence(make_spec, make_worker) -> Callable[..., Evidence]:
    """Evidence of a tiny model with 50 prompt tokens."""

    def make(
        repetitions, *, ceilings=None, energy=None, reason="no meter", precision="float32", spec=None, **worker
    ) -> Evidence:
        return Evidence(
            spec or make_spec(), 50, precision, make_worker(repetitions, **worker), ceilings, energy, reason
        )

    return make
