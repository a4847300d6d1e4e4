"""The contract of an execution path, and nothing that any one engine needs.

A :class:`Backend` runs the workload. The worker calls its methods in order: ``prepare`` in a process of its own
(exports and compilations must not count as peak memory of the run), then ``load``, ``score`` and as many ``generate``
as the measurement wants. A :class:`CompilerPath` has no chip to run on: it asks the vendor's own compiler and
simulator, and nothing it says is ever mixed with what was measured. To add either, write one file and register it in
the ``chipassay.backends`` entry-point group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from backends.contract.compiled import Examination
from backends.contract.workload import Workload
from backends.operators import OperatorPlacement
from backends.qwen.model import Model, ModelSpec

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[str], None]
"""Called with a short text when a long step goes on to its next part."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a target can run here; if not, ``reason`` says why and ``remedy`` what to do."""

    available: bool
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """How a model is to be executed: everything ``load`` needs to know.

    ``max_tokens`` is the KV cache capacity of one sequence; ``device`` is what follows the backend's name in the
    target, such as ``0`` in ``cuda:0``, or empty. ``prompt_tokens`` is the prompt's length, for engines that compile a
    graph for it; 0 where it is not known beforehand.
    """

    model: Model
    precision: str
    threads: int
    batch: int
    max_tokens: int
    device: str = ""
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """What came out of one ``generate``.

    ``token_ids`` is ``[batch][output_tokens]``. ``start_ns`` is the monotonic clock (``time.perf_counter_ns``) when the
    prompt was handed over; ``token_ns[i]`` when token ``i`` of every sequence was known: to the host, or to an
    accelerator that is not made to wait for the host at every token. There ``clock_gap_ns`` is the host's clock minus
    the device's over the whole generation; None where the host's clock timed the tokens itself.
    """

    token_ids: tuple[tuple[int, ...], ...]
    start_ns: int
    token_ns: tuple[int, ...]
    clock_gap_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What executed: engine, version, arithmetic of the matrix products, precision of the KV cache, and details.

    ``step_weight_bytes`` are the weight bytes one decode step reads in this engine's own format; None means those of
    :meth:`ModelSpec.decode_weight_bytes`. ``weights_digest`` identifies the values held (see
    :mod:`backends.qwen.weights_digest`); empty where the engine hides or changes them. ``device`` says which piece of
    hardware ran it, as far as the engine can tell: ``name``, ``uuid``, ``pci_address``.
    """

    engine: str
    version: str
    arithmetic: str
    cache_precision: str
    details: dict[str, Any] = field(default_factory=dict)
    step_weight_bytes: int | None = None
    weights_digest: str = ""
    device: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """An accelerator's memory as its allocator accounts for it, in bytes, at the highest since loading began.

    ``allocated`` is what tensors held; ``reserved`` what the allocator had taken from the device for them.
    """

    peak_allocated_bytes: int
    peak_reserved_bytes: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to execute a piece of work that was tried before anything was timed: how it fared, and whether it ran.

    ``duration_s`` is the median time of the work, None where it could not be had (``failure`` says why); ``ready_s``
    is what making it ready cost, once: compiling and recording.
    """

    work: str
    way: str
    chosen: bool
    duration_s: float | None
    ready_s: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How to start a path's worker in another Python environment: the command, and variables for its environment."""

    command: tuple[str, ...]
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class WorkerProgram:
    """What a worker is: the module that Python runs, the packages it needs, and modules it imports while it works."""

    module: str
    packages: tuple[str, ...]
    imports: tuple[str, ...] = ()


class ExecutionPath(ABC):
    """What every target is: a way of executing a model on one kind of device, or of finding out how it would go."""

    name: ClassVar[str]
    summary: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]
    default_precision: ClassVar[str] = "float32"
    """What a target runs in that names no precision, if the command line names none either."""

    @classmethod
    @abstractmethod
    def probe(cls, device: str) -> Availability:
        """Say whether ``device`` can run here, importing no engine; an empty one asks whether any can."""

    @classmethod
    @abstractmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Peak memory of the run, estimated from the dimensions: told to the user before anything is loaded."""

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """Why ``device`` cannot run ``precision`` and what to do, or nothing; asked only where ``probe`` finds it."""
        return ""

    @classmethod
    def accelerator(cls, device: str) -> str | None:
        """The accelerator behind ``device`` as PyTorch would name it (``cuda:0``); None for the host's processor."""
        return None

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """The arithmetic of the matrix products at ``precision``: whose ceiling bounds the prefill."""
        return precision if precision in ("bfloat16", "float16") else "float32"

    @classmethod
    def free_memory_bytes(cls, device: str) -> int | None:
        """Free memory of the accelerator behind ``device``; None if unknown, or if the host's memory is what counts."""
        return None

    @classmethod
    def unmeasured_ceilings(cls, device: str) -> str:
        """Why what the device can do at best is not measured beside this path, or nothing: then PyTorch measures it."""
        return ""

    @classmethod
    def worker(cls, device: str, program: WorkerProgram) -> WorkerCommand | None:
        """Return how to start ``program`` where the engine needs another Python environment; None for this one."""
        return None


class Backend(ExecutionPath):
    """One engine on one kind of device."""

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Build what ``load`` needs (an export, a compilation), once, and say what was done; idempotent."""
        return {}

    def device_memory(self) -> DeviceMemory | None:
        """The accelerator's memory so far; None if the model lives in the host's memory, or the engine cannot tell."""
        return None

    def trials(self) -> tuple[Trial, ...]:
        """What was tried so far to find the fastest way to execute here; empty where there is only one."""
        return ()

    def operators(self) -> tuple[OperatorPlacement, ...]:
        """Where each operator ran, read from the run itself; empty where the engine does not tell."""
        return ()

    @abstractmethod
    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Make the model resident in the device's memory, ready to run."""

    @abstractmethod
    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Prefill ``prompt_ids`` (int64 ``[batch, prompt_tokens]``), then decode greedily, timing each token."""

    @abstractmethod
    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Teacher-forced logits, computed by the same prefill and decode steps that ``generate`` times.

        ``forced_ids`` is int64 ``[batch, n]``. Position ``p`` is the prediction of output token ``p`` given the prompt
        and ``forced_ids[:, :p]``. Returns float32 ``[batch, len(positions), vocab_size]``.
        """


class CompilerPath(ExecutionPath):
    """A vendor's compiler, simulator or model of a chip that is not here."""

    @classmethod
    @abstractmethod
    def chip(cls, device: str) -> str:
        """The catalogue's id of the chip that ``device`` names; empty where the catalogue does not hold it.

        Raises:
            ChipassayError: If it knows no such device.
        """

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Every device it can be asked about, as a target names it; empty if there is no such list."""
        return ()

    @abstractmethod
    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Compile, simulate and ask for the schedule; everything that was found out about the model on the chip."""
