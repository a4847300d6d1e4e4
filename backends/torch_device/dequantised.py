"""The float32 values of the weights that torchao's formats hold, by torchao's own functions on the processor.

Every scale covers a row or a group within one, so a matrix quantised alone has the same values as joined with others.
Scales are computed from the weights in bfloat16, as the device holds them before it quantises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backends.qwen.held import HEAD, Form, Held, HeldWeights
from backends.qwen.model import QUANTISATION_BLOCK, Model
from backends.qwen.weights import Weights
from backends.torch_device.linears import quantise

FORMS = {"int8": Form(0, 0.05), "int4": Form(QUANTISATION_BLOCK, 0.3), "float8": Form(0, 0.05)}
"""int8 rounds to the largest value of a row over 127, int4 to a fifteenth of the range of a group, float8 to four bits
of significand. A row's error is at most 0.05 of its values unless single ones are over ten times the others."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix that the device holds quantised; quantised here again whenever rows of it are wanted."""

    weights: Weights
    name: str
    precision: str

    @property
    def shape(self) -> tuple[int, ...]:
        """``[out, in]``."""
        return self.weights.shape(self.name)

    def rows(self, first: int, count: int) -> torch.Tensor:
        """Return float32 ``[count, in]``."""
        return dequantised(self.weights.read(self.name, first, count).to(torch.bfloat16), self.precision)


def held_weights(model: Model, precision: str) -> HeldWeights:
    """Return the weights as the decoder of :mod:`backends.torch_device.weights` holds them: every linear layer's."""
    weights, spec = Weights(model), model.spec
    prefix = f"{spec.family.language_prefix}layers."
    held: dict[str, Held] = {
        weight.name: Quantised(weights, weight.name, precision)
        for weight in spec.language_weights()
        if weight.name.startswith(prefix) and len(weight.shape) == 2
    }
    head = f"{spec.family.language_prefix}embed_tokens.weight" if spec.tied_embeddings else HEAD
    return HeldWeights(model, held | {HEAD: Quantised(weights, head, precision)}, FORMS[precision])


def dequantised(matrix: torch.Tensor, precision: str) -> torch.Tensor:
    """Return a bfloat16 matrix ``[out, in]`` in float32 after quantising it to ``precision``."""
    if precision == "int4":
        return _int4(matrix)
    if precision == "float8":
        from torchao.quantization import Float8Tensor, PerRow

        held: Any = Float8Tensor.from_hp(matrix, granularity=PerRow())
    else:
        layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False, device="meta")
        layer.weight = nn.Parameter(matrix, requires_grad=False)
        quantise(nn.ModuleList([layer]), precision)
        held = layer.weight
    values: torch.Tensor = held.dequantize(torch.float32)
    return values


def _int4(matrix: torch.Tensor) -> torch.Tensor:
    """Do what ``Int4TilePackedTo4dTensor`` does before it packs for CUDA, and undo it: groups with a zero point."""
    from torchao.quantization import quant_primitives as primitives

    width, block = matrix.shape[1], (1, QUANTISATION_BLOCK)
    padded = nn.functional.pad(matrix, (0, -width % QUANTISATION_BLOCK))
    scale, zero = primitives._choose_qparams_affine_tinygemm(
        padded, mapping_type=primitives.MappingType.ASYMMETRIC, block_size=block, target_dtype=torch.int32,
        quant_min=0, quant_max=15, scale_dtype=torch.bfloat16, zero_point_dtype=torch.bfloat16,
    )  # fmt: skip
    stored = primitives._quantize_affine_tinygemm(padded, block, scale, zero, torch.int32, quant_min=0, quant_max=15)
    values: torch.Tensor = primitives._dequantize_affine_tinygemm(
        stored, block, scale.float(), zero.float(), torch.int32, 0, 15, output_dtype=torch.float32
    )
    return values[:, :width]
