"""Linear layers whose weight oneDNN has laid out beforehand.

PyTorch's plain ``linear`` hands a one-row product to MKL's matrix-vector routine, which on AMD processors read
weights at 0.4 to 0.5 of the memory's bandwidth; the same product on a weight that oneDNN has reordered once reaches
0.8 and more (2 cores of an EPYC 9004, float32). The operators are those ``torch.compile`` lowers a frozen linear
layer to.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def can_pack(dtype: torch.dtype) -> bool:
    """Return whether oneDNN packs weights of ``dtype`` with this build of PyTorch on this processor.

    bfloat16 needs AVX-512 or AVX-NE-CONVERT on x86; PyTorch refuses to pack on any other.
    """
    operators = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    here = torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in operators)
    return here and (dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported())


class PackedLinear(nn.Module):
    """A frozen ``nn.Linear`` on a reordered weight."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        self.bias = bias
        self.out_features = weight.shape[0]
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x @ weight.T + bias``, shape ``[..., in_features]`` to ``[..., out_features]``."""
        rows = x.reshape(-1, x.shape[-1])
        out = torch.ops.mkldnn._linear_pointwise(rows, self._packed, self.bias, "none", [], "")
        return out.view(*x.shape[:-1], self.out_features)


class PlainLinear(nn.Module):
    """The same without packing, where oneDNN cannot."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self._weight = weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x @ weight.T``."""
        return nn.functional.linear(x, self._weight)


def linear_of(packed: bool) -> Callable[[torch.Tensor], nn.Module]:
    """Return what makes a layer without bias of a weight ``[out, in]``."""
    return PackedLinear if packed else PlainLinear


def pack_linears(module: nn.Module) -> None:
    """Replace every linear layer below ``module``, releasing each plain weight as soon as its packed form exists.

    Linear layers without values (a vision tower that no image needs) stay as they are.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Linear) and not child.weight.is_meta:
            setattr(module, name, PackedLinear(child.weight, child.bias))
        else:
            pack_linears(child)
