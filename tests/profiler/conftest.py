"""Handmade evidence: small enough to work every figure out with pencil and paper."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract.backend import EngineFacts
from profiler.host.files import Files
from profiler.metrics.catalogue import Context
from profiler.records.ceilings import Ceilings, CeilingSample
from profiler.records.parity import ParityScore
from profiler.records.quantity import Quantity
from profiler.records.readings import TARGET, Reading
from profiler.records.target import Measured, MemoryReading, Repetition, WorkerReport
from tests.outcomes import Case

RECORDED = Path(__file__).parent / "devices" / "recorded"

EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9654 96-Core Processor
stepping\t: 1
microcode\t: 0xa101148
physical id\t: 0
flags\t\t: fpu avx avx2 avx512f avx512_bf16

processor\t: 1
vendor_id\t: AuthenticAMD
physical id\t: 1
model name\t: another
"""


@pytest.fixture(autouse=True)
def config_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration is never touched."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("CHIPASSAY_CONFIG", str(folder))
    return folder


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], str]:
    """The text of a recorded output, without the lines that say where it was seen."""

    def read(name: str) -> str:
        lines = (RECORDED / name).read_text().splitlines(keepends=True)
        assert lines[0].startswith("#: "), name
        return "".join(line for line in lines if not line.startswith("#: "))

    return read


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Files]:
    """A file tree with the given files in the place of /."""
    root = tmp_path / "root"

    def plant(files: dict[str, str | bytes] | None = None) -> Files:
        root.mkdir(exist_ok=True)
        for path, content in (files or {}).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return Files(root)

    return plant


def pci_files(address: str, vendor: str, device: str, class_id: str, **link: str) -> dict[str, str]:
    """What the kernel shows of one PCI device."""
    folder = f"sys/bus/pci/devices/{address}"
    found = {"vendor": f"0x{vendor}\n", "device": f"0x{device}\n", "class": f"0x{class_id}\n", **link}
    return {f"{folder}/{name}": text for name, text in found.items()}


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
def make_case(make_spec, make_worker) -> Callable[..., Case]:
    """A measurement of a tiny model with 50 prompt tokens."""

    def make(
        repetitions, *, ceilings=None, energy=None, reason="no meter", precision="float32", spec=None, **worker
    ) -> Case:
        readings = (Reading(TARGET, energy, "" if energy else reason),)
        measured = Measured(make_worker(repetitions, **worker), readings=readings)
        return Case(measured, Context(spec or make_spec(), 50, precision, ceilings))

    return make
