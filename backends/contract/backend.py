"""The contract of an execution path, and nothing that any one engine needs.

A :class:`Backend` runs the workload. The worker calls its methods in order: ``prepare`` in a separate process (exports
and compilations must not count as peak memory of the run), then ``load``, ``score``, and ``generate`` until the
measurement is precise enough. A :class:`CompilerPath` has no chip to run on: it drives the vendor's compiler and
simulator, and its figures are never mixed with measured ones. To add either, write one file and register it in the
``chipassay.backends`` entry-point group.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from backends.contract.compiled import Examination
from backends.contract.workload import Workload
from backends.operators import OperatorPlacement
from backends.qwen.families import Architecture
from backends.qwen.images import Image
from backends.qwen.model import Model, ModelSpec

if TYPE_CHECKING:
    import numpy as np

    from backends.qwen.held import HeldWeights

Progress = Callable[[str], None]
"""Report the next part of a long step, in a short text."""

Ability = Literal["image", "turns", "kept turns", "kept turns of one sequence"]
"""What a path can run beyond one prompt of text: a picture in it, further turns, further turns on a kept cache."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a target can run here; if not, ``reason`` says why and ``remedy`` what to do."""

    available: bool
    reason: str = ""
    remedy: str = ""


def host_availability(name: str, device: str, packages: Mapping[str, str]) -> Availability:
    """Say whether the processor's engine ``name`` can run: it has no numbered devices, and needs ``packages``.

    ``packages`` maps what is imported to what is installed.
    """
    if device:
        return Availability(False, f"{name} has no device {device!r}", f"ask for {name}")
    for package, distribution in packages.items():
        if importlib.util.find_spec(package) is None:
            return Availability(False, f"{distribution} is not installed", f"pip install {distribution}")
    return Availability(True)


@dataclass(frozen=True, slots=True)
class Execution:
    """How to execute a model: all that ``load`` needs.

    ``max_tokens`` is the KV cache capacity of one sequence; ``device`` is what follows the backend's name in the
    target, such as ``0`` in ``cuda:0``, or empty. ``prompt_tokens`` is the prompt's length, for engines that compile a
    graph for it; 0 if it is not known beforehand. ``image`` is the picture in every prompt.
    """

    model: Model
    precision: str
    threads: int
    batch: int
    max_tokens: int
    device: str = ""
    prompt_tokens: int = 0
    image: Image | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """The result of one ``generate``.

    ``token_ids`` is ``[batch][output_tokens]``. ``start_ns`` is the monotonic clock (``time.perf_counter_ns``) when the
    prompt was handed over; ``token_ns[i]`` when token ``i`` of every sequence was known: to the host, or to an
    accelerator that does not wait for the host at every token. In the second case ``clock_gap_ns`` is the host's clock
    minus the device's over the whole generation; None if the host's clock timed the tokens. ``image_ns`` is how long
    the vision tower took, within the time to the first token; None without a picture.
    """

    token_ids: tuple[tuple[int, ...], ...]
    start_ns: int
    token_ns: tuple[int, ...]
    clock_gap_ns: int | None = None
    image_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What executed: engine, version, arithmetic of the matrix products, precision of the KV cache, and details.

    ``step_weight_bytes`` are the weight bytes one decode step reads in this engine's own format; None means those of
    :meth:`ModelSpec.decode_weight_bytes`. ``weights_digest`` identifies the values held (see
    :mod:`backends.qwen.weights_digest`); empty if the engine hides or changes them. ``device`` identifies the hardware
    that ran it, as far as the engine knows: ``name``, ``uuid``, ``pci_address``.
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
    """Peak memory of an accelerator since loading began, as its allocator counts it, in bytes.

    ``allocated`` is what tensors held; ``reserved`` what the allocator had taken from the device for them.
    """

    peak_allocated_bytes: int
    peak_reserved_bytes: int


@dataclass(frozen=True, slots=True)
class ExpertUse:
    """Experts that decode steps really touched: ``distinct`` in a layer and step, the mean over ``counts`` of them."""

    distinct: float
    counts: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to execute a piece of work, tried before the measurement.

    ``duration_s`` is the median time of the work, None if it failed (``failure`` says why); ``ready_s`` is the cost of
    making it ready, once: compiling and recording.
    """

    work: str
    way: str
    chosen: bool
    duration_s: float | None
    ready_s: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How to start a worker in another Python environment: the command, and its environment variables."""

    command: tuple[str, ...]
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class WorkerProgram:
    """What a worker is: the module that Python runs, the packages it needs, and modules it imports while it works."""

    module: str
    packages: tuple[str, ...]
    imports: tuple[str, ...] = ()


class ExecutionPath(ABC):
    """A way to execute a model on one kind of device, or to find out from a vendor's tools how it would run."""

    name: ClassVar[str]
    summary: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]
    architectures: ClassVar[tuple[Architecture, ...]] = ("qwen2", "qwen3")
    """Families of models it can run; the others are refused by name before anything is loaded."""
    long_context: ClassVar[bool] = False
    """Whether it computes sliding windows and YaRN; a model with either is refused by name otherwise."""
    replays_routing: ClassVar[bool] = False
    """Whether it can choose experts as a routing file says."""
    abilities: ClassVar[frozenset[Ability]] = frozenset()
    """What it runs beyond one prompt of text; a workload that needs more is refused before anything is loaded."""
    default_precision: ClassVar[str] = "float32"
    """Precision of a target that names none, if the command line names none either."""

    @classmethod
    @abstractmethod
    def probe(cls, device: str) -> Availability:
        """Return whether ``device`` can run here, without importing an engine; empty means any device."""

    @classmethod
    @abstractmethod
    def memory_needed_bytes(cls, spec: ModelSpec, precision: str, workload: Workload) -> int:
        """Estimate the peak memory of the run from the dimensions; the user sees it before anything is loaded."""

    @classmethod
    def refuses(cls, device: str, precision: str) -> str:
        """Return why ``device`` cannot run ``precision`` and what to do, or ""; called only if ``probe`` succeeds."""
        return ""

    @classmethod
    def accelerator(cls, device: str) -> str | None:
        """Return the accelerator behind ``device`` as PyTorch names it (``cuda:0``); None for the host's processor."""
        return None

    @classmethod
    def arithmetic(cls, precision: str) -> str:
        """Return the arithmetic of the matrix products at ``precision``; its ceiling bounds the prefill."""
        return precision if precision in ("bfloat16", "float16") else "float32"

    @classmethod
    def free_memory_bytes(cls, device: str) -> int | None:
        """Return the accelerator's free memory; None if unknown, or if the host's memory is what counts."""
        return None

    @classmethod
    def unmeasured_ceilings(cls, device: str) -> str:
        """Return why the device's ceilings are not measured beside this path; "" if PyTorch measures them."""
        return ""

    @classmethod
    def worker(cls, device: str, program: WorkerProgram) -> WorkerCommand | None:
        """Return how to start ``program`` where the engine needs another Python environment; None for this one."""
        return None


class Backend(ExecutionPath):
    """One engine on one kind of device."""

    segmented: ClassVar[bool] = False
    """Whether its host chooses each token, so that it can stand still between two: see :meth:`generate_in_segments`."""

    @classmethod
    def prepare(cls, execution: Execution, progress: Progress) -> dict[str, Any]:
        """Build what ``load`` needs (an export, a compilation) unless it exists; return a record of what was done."""
        return {}

    @classmethod
    def held_key(cls, execution: Execution) -> str:
        """Return what identifies the values of :meth:`held_weights`, after :meth:`prepare`.

        "" where the engine computes with the model's own values, or hides those that it quantised.
        """
        return ""

    @classmethod
    def held_weights(cls, execution: Execution, progress: Progress) -> HeldWeights:
        """Return the weights in float32 as the engine holds them after its own dequantisation.

        With them, a reference shows the engine's arithmetic apart from what rounding the weights cost. Called only
        where :meth:`held_key` gives a key.
        """
        raise NotImplementedError(cls.name)

    def device_memory(self) -> DeviceMemory | None:
        """Return the accelerator's peak memory; None if the model is in the host's memory or there is no figure."""
        return None

    def expert_use(self) -> ExpertUse | None:
        """Return the experts counted while :meth:`score` ran; None without experts, or where the engine hides them."""
        return None

    def trials(self) -> tuple[Trial, ...]:
        """Return the ways tried so far to execute here; empty if there is only one."""
        return ()

    def operators(self) -> tuple[OperatorPlacement, ...]:
        """Return where each operator ran, read from the run itself; empty if the engine does not report it."""
        return ()

    @abstractmethod
    def load(self, execution: Execution, progress: Progress) -> EngineFacts:
        """Load the model into the device's memory, ready to run."""

    @abstractmethod
    def generate(self, prompt_ids: np.ndarray, output_tokens: int) -> Generation:
        """Prefill ``prompt_ids`` (int64 ``[batch, prompt_tokens]``), then decode greedily, timing each token."""

    def converse(
        self, prompt_ids: np.ndarray, later_ids: Sequence[np.ndarray], output_tokens: int, *, keep: bool
    ) -> tuple[Generation, ...]:
        """Generate an answer to the prompt, and one after each of ``later_ids``; the answers are part of what follows.

        With ``keep`` (the ability ``kept turns``), a turn prefills only what is new. Without, it prefills everything
        said so far, which any engine can that takes prompts of any length (the ability ``turns``).
        """
        import numpy as np

        if keep:
            raise NotImplementedError(f"{self.name} keeps no cache between turns")
        said, answers = prompt_ids, [self.generate(prompt_ids, output_tokens)]
        for added in later_ids:
            said = np.concatenate([said, np.asarray(answers[-1].token_ids), added], axis=1)
            answers.append(self.generate(said, output_tokens))
        return tuple(answers)

    def generate_in_segments(
        self, prompt_ids: np.ndarray, output_tokens: int, known: Callable[[int], None]
    ) -> None:  # fmt: skip
        """Do what :meth:`generate` does, and call ``known`` with the number of tokens known after each.

        The call may stand still for long, and an exception that it raises ends the generation. Only engines that are
        :attr:`segmented` have this.
        """
        raise NotImplementedError(self.name)

    @abstractmethod
    def score(self, prompt_ids: np.ndarray, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
        """Return teacher-forced logits, computed by the same prefill and decode steps that ``generate`` times.

        ``forced_ids`` is int64 ``[batch, n]``. Position ``p`` is the prediction of output token ``p`` given the prompt
        and ``forced_ids[:, :p]``. Returns float32 ``[batch, len(positions), vocab_size]``.
        """


class CompilerPath(ExecutionPath):
    """A vendor's compiler, simulator or model of a chip that is not here."""

    @classmethod
    @abstractmethod
    def chip(cls, device: str) -> str:
        """Return the catalogue's id of the chip that ``device`` names; "" if the catalogue lacks it.

        Raises:
            ChipassayError: There is no such device.
        """

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return every device that a target can name; empty if there is no such list."""
        return ()

    @abstractmethod
    def examine(self, execution: Execution, workload: Workload, progress: Progress) -> Examination:
        """Compile, simulate and schedule the model for the chip; return all that the vendor's tools report."""
