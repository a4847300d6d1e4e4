"""Quantised projections: torchao's formats by the name of the precision, and which devices have them.

``int8``: one float32 scale a row, weights only. ``int4``: groups of 32 with bfloat16 scale and zero point, weights
only, by PyTorch's own tile-packed kernel. ``float8``: e4m3 weights and activations, one scale a row each, on the matrix
units that have the type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.qwen.model import QUANTISATION_BLOCK

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """One quantised format: on which device types it runs, and torchao's description. Activations are bfloat16."""

    types: tuple[str, ...]
    capability: tuple[int, int]
    """Least compute capability on ``cuda``."""
    config: Callable[[], Any]


def _int8() -> Any:
    from torchao.quantization import Int8WeightOnlyConfig

    return Int8WeightOnlyConfig(set_inductor_config=False)


def _int4() -> Any:
    from torchao.quantization import Int4WeightOnlyConfig

    return Int4WeightOnlyConfig(
        group_size=QUANTISATION_BLOCK, int4_packing_format="tile_packed_to_4d", set_inductor_config=False
    )


def _float8() -> Any:
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow

    return Float8DynamicActivationFloat8WeightConfig(granularity=PerRow(), set_inductor_config=False)


FORMATS: dict[str, WeightFormat] = {
    "int8": WeightFormat(("cuda", "xpu", "npu", "cpu"), (8, 0), _int8),
    "int4": WeightFormat(("cuda",), (8, 0), _int4),
    "float8": WeightFormat(("cuda",), (8, 9), _float8),
}


def quantise(module: nn.Module, precision: str) -> None:
    """Put the format called ``precision`` in the place of every linear layer's weight below ``module``."""
    from torchao.quantization import quantize_

    quantize_(module, FORMATS[precision].config())


def stored_bytes(tensor: torch.Tensor) -> int:
    """Bytes a weight takes as it is stored: of a quantised one, values, scales and zero points."""
    if hasattr(tensor, "__tensor_flatten__"):
        names, _ = tensor.__tensor_flatten__()
        return sum(stored_bytes(getattr(tensor, name)) for name in names)
    return tensor.numel() * tensor.element_size()
