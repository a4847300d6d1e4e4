"""RMSNorm as one operator: transformers' classes take seven to nine."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import rms_norm

from backends.qwen.model import ModelSpec


class FusedNorm(nn.Module):
    """``x / rms(x) * weight``, computed in float32."""

    def __init__(self, weight: torch.Tensor, eps: float) -> None:
        super().__init__()
        self._weight, self._eps = weight.float(), eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Norm the last dimension."""
        return rms_norm(x.float(), self._weight.shape, self._weight, self._eps).to(x.dtype)


def fuse_norms(network: nn.Module, spec: ModelSpec) -> None:
    """Replace every RMSNorm over the whole last dimension of a text model's hidden states, queries and keys."""
    for parent in list(network.modules()):
        children: list[tuple[str, Any]] = list(parent.named_children())
        for name, child in children:
            grouped = getattr(child, "group_size", None) is not None
            if type(child).__name__.endswith("RMSNorm") and not child.weight.is_meta and not grouped:
                weight = child.weight.detach().float() + spec.family.norm_offset
                setattr(parent, name, FusedNorm(weight, spec.rms_norm_eps))
