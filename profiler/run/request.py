"""What a ``profile`` is to do, and what prevents it here, found before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.common.errors import MemoryFitError, UnavailableError
from backends.contract.backend import Availability
from backends.contract.registry import Target, is_compiler, load_backend
from backends.contract.workload import Workload
from backends.qwen.footprint import reference_bytes
from backends.qwen.images import image_bytes
from backends.qwen.model import Model
from profiler.host.memory import available_bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for, checked."""

    model: Model
    workload: Workload
    targets: tuple[Target, ...]
    threads: int
    budget_s: float
    precision_wanted: float
    timeout_s: float
    command: str
    reference_device: str = ""
    """Where the float32 reference is computed, as PyTorch would name it; empty for the host's processor."""
    modelled_energy: bool = False
    """Whether a model may stand in where nothing can be metered."""
    wall_meter: str = ""
    """The file or address of a meter at the wall socket, as the user named it; empty for none."""
    one_by_one: bool = False
    """Whether targets run one after the other, although they fit this host together."""
    record_routing: Path | None = None
    """Where to write which experts the reference's tokens chose; None for nowhere."""


BESIDE_WEIGHTS_BYTES = 10**9
"""What preparing and running a target may take beyond its weights, as far as there is a choice."""


def _reference_bytes(request: Request) -> int:
    spec, work = request.model.spec, request.workload
    if work.image is not None:  # a model with its tower stays in memory whole
        return spec.weight_bytes("float32") + 10**9 + image_bytes(spec, "float32", work.image, work.batch)
    return reference_bytes(spec, work.batch, work.prompt_tokens, work.total_tokens)


def reference_keeps_bytes(request: Request) -> int:
    """Return how many bytes of weights the reference may keep from one token to the next.

    It takes no more memory than the largest target's weights do, and no more than there is.
    """
    spec, runs = request.model.spec, [target for target in request.targets if not is_compiler(target.backend)]
    allowed = max((spec.weight_bytes(target.precision) for target in runs), default=0) + BESIDE_WEIGHTS_BYTES
    return max(0, min(allowed, available_bytes() * 9 // 10) - _reference_bytes(request))


def hindrance(target: Target, request: Request) -> UnavailableError | None:
    """Return why ``target`` cannot run here at all; nothing is loaded to find out."""
    backend = load_backend(target.backend)
    if refusal := _lacks(target, request.model) or _beyond(target, request.workload):
        return UnavailableError(refusal)
    here: Availability = backend.probe(target.device)
    if not here.available:
        return UnavailableError(f"{target.id} is unavailable: {here.reason}; {here.remedy}")
    if refusal := backend.refuses(target.device, target.precision):
        return UnavailableError(f"{target.id} is unavailable: {refusal}")
    return shortage(target, request)


def _lacks(target: Target, model: Model) -> str:
    """Return what the path cannot compute of the model, and what it can; "" if it can compute all of it."""
    backend, spec = load_backend(target.backend), model.spec
    if spec.architecture not in backend.architectures:
        return (
            f"{target.backend} has no path for {spec.architecture}, the architecture of {spec.name}; it runs "
            f"{', '.join(backend.architectures)}"
        )
    if spec.long_context and not backend.long_context:
        return f"{target.backend} does not compute {' and '.join(spec.long_context)} of {spec.name}; torch-cpu does"
    if model.routing and not backend.replays_routing:
        return f"{target.backend} cannot replay a routing: its engine chooses the experts; torch-cpu can"
    return ""


def _beyond(target: Target, workload: Workload) -> str:
    """Return which part of the workload the path cannot run, and what to do; "" if it can run all of it."""
    can = load_backend(target.backend).abilities
    if workload.image is not None and "image" not in can:
        return f"{target.backend} takes no pictures, only text; run {workload.name} on torch-cpu"
    if workload.conversation is None:
        return ""
    if workload.conversation.prefix_cache and "kept turns" not in can:
        if "kept turns of one sequence" not in can:
            return f"{target.backend} keeps no cache from turn to turn; use --prefix-cache off, or torch-cpu"
        if workload.batch > 1:
            return (
                f"{target.backend} keeps a cache from turn to turn for one sequence only; use --batch 1, or torch-cpu"
            )
    if not workload.conversation.prefix_cache and "turns" not in can:
        return f"{target.backend} runs one prompt of one length, and {workload.name} has several turns; use torch-cpu"
    return ""


def shortage(target: Target, request: Request) -> MemoryFitError | None:
    """Return an error with the figures if the target, or the reference it is compared with, does not fit a memory."""
    backend, spec = load_backend(target.backend), request.model.spec
    accelerator = backend.accelerator(target.device)
    free_there = backend.free_memory_bytes(target.device)
    needed = backend.memory_needed_bytes(spec, target.precision, request.workload)
    weights = f"{spec.weight_bytes(target.precision) / 1e9:.1f} GB of {target.precision} weights"
    advice = "use a smaller model, a shorter workload, or --layers auto"
    if accelerator and free_there is not None and needed > free_there:
        return MemoryFitError(
            f"{spec.name} does not fit: {target.id} needs about {needed / 1e9:.1f} GB of {accelerator}'s memory "
            f"({weights}), {free_there / 1e9:.1f} GB are free; {advice}"
        )
    runs = not is_compiler(target.backend)
    reference = 0 if request.reference_device or not runs else _reference_bytes(request)
    needed_here = max(0 if accelerator else needed, reference)
    free = available_bytes()
    if needed_here <= free:
        return None
    if accelerator:
        return MemoryFitError(
            f"the float32 reference of {spec.name} needs about {needed_here / 1e9:.1f} GB of the host's memory, "
            f"{free / 1e9:.1f} GB are free; have it computed on the device: --reference {accelerator}"
        )
    if not runs:
        return MemoryFitError(
            f"{spec.name} does not fit: the tools behind {target.id} need about {needed / 1e9:.1f} GB of memory "
            f"here for its largest graph, {free / 1e9:.1f} GB are free; use a smaller model"
        )
    return MemoryFitError(
        f"{spec.name} does not fit: {target.id} with its float32 reference needs about {needed_here / 1e9:.1f} GB of "
        f"memory ({weights}), {free / 1e9:.1f} GB are free; {advice}"
    )
