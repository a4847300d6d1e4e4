"""Which functions execute a layer: written out, or compiled. The device decides, by the time they take.

PyTorch's compiler joins the small operations between the matrix products and, for one row, the products themselves; how
much that saves differs by device, model and version, and it costs seconds to minutes once. So both are timed on the
device at the workload's own shapes, the faster one runs, and what was tried, how long it took and what compiling cost
stands in the record. A compiler that is missing or fails is a reason in the record, not an error.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

from backends.accelerator.decoder import Decoder, DecoderLayer

T = TypeVar("T")

TRIAL_RUNS = 5
"""Each candidate is judged by the median of so many runs."""

COMPILED_LAYER_VARIANTS = 64
"""How many shapes of a layer the compiler may keep: one for every extent of the cache and every prompt length."""


@dataclass(frozen=True, slots=True)
class LayerPath:
    """The functions of one way to execute: of a layer in prefill and in a step, and of what follows the last layer."""

    name: str
    prefill_layer: Callable[..., Any]
    step_layer: Callable[..., Any]
    logits: Callable[..., Any]


PLAIN = LayerPath("plain", DecoderLayer.prefill, DecoderLayer.step, Decoder.logits)


def compiled_path(backend: str = "inductor") -> LayerPath:
    """The same functions through PyTorch's compiler; nothing is compiled before the first call.

    One layer is compiled, not the model: all layers share the result, so the cost does not grow with depth.
    """
    import torch

    torch._dynamo.config.recompile_limit = COMPILED_LAYER_VARIANTS
    options: dict[str, Any] = {}
    if backend == "inductor":
        # For one row the compiler then writes the product itself, and finds its tiling by trying.
        options = {"options": {"coordinate_descent_tuning": True, "triton.cudagraphs": False}}

    def compiled(function: Callable[..., T]) -> Callable[..., T]:
        done: Callable[..., T] = torch.compile(function, backend=backend, fullgraph=True, dynamic=False, **options)
        return done

    return LayerPath("compiled", compiled(DecoderLayer.prefill), compiled(DecoderLayer.step), compiled(Decoder.logits))


def why_not_compiled(device: str) -> str:
    """Why compiling is not tried on ``device``, or nothing."""
    if device == "cpu":
        return "the processor has a path of its own"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    return ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate: how long its work took (median), what making it ready cost, or why it could not be had."""

    name: str
    seconds: float | None
    ready_s: float
    failure: str = ""


def try_all(candidates: Mapping[str, Callable[[], Callable[[], float]]]) -> list[Trial]:
    """Try every candidate: calling it makes it ready and gives what runs it once and returns the seconds taken."""
    return [_try(name, prepare) for name, prepare in candidates.items()]


def _try(name: str, prepare: Callable[[], Callable[[], float]]) -> Trial:
    began = time.perf_counter()
    try:
        run = prepare()
        ready_s = time.perf_counter() - began
        return Trial(name, median(run() for _ in range(TRIAL_RUNS)), ready_s)
    except Exception as error:  # noqa: BLE001 - a compiler or kernel that fails is a candidate less, with its reason
        said = next(iter(str(error).strip().splitlines()), "")
        return Trial(name, None, time.perf_counter() - began, f"{type(error).__name__}: {said}"[:300])


def fastest(trials: list[Trial]) -> str:
    """The name of the candidate that took the least time.

    Raises:
        RuntimeError: If none ran; the message holds every reason.
    """
    timed = [(trial.seconds, trial.name) for trial in trials if trial.seconds is not None]
    if not timed:
        raise RuntimeError(" | ".join(f"{trial.name}: {trial.failure}" for trial in trials))
    return min(timed)[1]
