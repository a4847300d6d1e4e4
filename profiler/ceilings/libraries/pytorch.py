"""PyTorch's own products: the BLAS it was built with, and for integers oneDNN or FBGEMM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profiler.ceilings.candidate import Offer, Shape


def products(arithmetic: str, shape: Shape) -> list[Offer]:
    """Return the ways PyTorch multiplies in ``arithmetic``."""
    if arithmetic == "int8":
        return [
            ("PyTorch int8 product", lambda: _integers(shape)),
            ("PyTorch dynamic int8 linear layer, oneDNN", lambda: _dynamic(shape, "onednn")),
            ("PyTorch dynamic int8 linear layer, x86", lambda: _dynamic(shape, "x86")),
        ]
    return [
        ("PyTorch linear layer", lambda: _linear(arithmetic, shape)),
        ("oneDNN packed linear layer", lambda: _packed(arithmetic, shape)),
    ]


def _operands(arithmetic: str, shape: Shape) -> tuple[Any, Any]:
    import torch

    kind = getattr(torch, arithmetic)
    return torch.randn(shape.rows, shape.inner).to(kind), torch.randn(shape.columns, shape.inner).to(kind)


def _linear(arithmetic: str, shape: Shape) -> Callable[[], object]:
    import torch

    rows, weight = _operands(arithmetic, shape)
    return lambda: torch.nn.functional.linear(rows, weight)


def _packed(arithmetic: str, shape: Shape) -> Callable[[], object]:
    import torch

    rows, weight = _operands(arithmetic, shape)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, shape.rows)
    return lambda: torch.ops.mkldnn._linear_pointwise(rows, packed, None, "none", [], "")


def _integers(shape: Shape) -> Callable[[], object]:
    import torch

    rows = torch.randint(-127, 127, (shape.rows, shape.inner), dtype=torch.int8)
    weight = torch.randint(-127, 127, (shape.inner, shape.columns), dtype=torch.int8)
    return lambda: torch._int_mm(rows, weight)


def _dynamic(shape: Shape, engine: str) -> Callable[[], object]:
    import warnings

    import torch

    if engine not in torch.backends.quantized.supported_engines:
        raise RuntimeError(f"this build of PyTorch has no quantised engine {engine}")
    rows, weight = _operands("float32", shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = engine
        stored = torch.quantize_per_tensor(weight, 0.01, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(stored, None)
    return lambda: torch.ops.quantized.linear_dynamic(rows, packed)
