"""Which functions execute a layer: written out, or compiled. The device decides, by the time they take.

PyTorch's compiler joins the small operations between the matrix products and, for one row, the products themselves; how
much that saves differs by device, model and version, and it costs seconds to minutes once. So both are timed on the
device at the workload's own shapes, the faster one runs, and what was tried, how long it took and what compiling cost
stands in the record. A compiler that is missing or fails is a reason in the record, not an error.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.torch_device.decoder import Decoder, DecoderLayer

T = TypeVar("T")

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
        return "torch.compile is not used on the processor"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    return ""
