"""A digest of weight values: exact on any device, in any order, in any float type.

Each value is taken as its float32 bit pattern (every synthetic value is exact in bfloat16, float16 and float32 alike,
so the pattern does not depend on the type it is stored in), multiplied by an odd number made from its index, and summed
modulo 2**64: wrapping integer addition gives the same result in any order and at any parallelism. Two tensors that
differ in one place, or in the order of two unequal values, have different sums. The digest of a model is the SHA-256
over the names and sums of its tensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from backends.qwen.synthetic import chunk_elements, signed

if TYPE_CHECKING:
    import torch

_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio: spreads neighbouring indices over all bits."""


def tensor_sum(tensor: torch.Tensor, start: int = 0) -> torch.Tensor:
    """Return the sum of one contiguous float tensor, as an int64 scalar on its device, without waiting for it.

    ``start`` is the index of its first value: the sums of a tensor's parts add up to the tensor's.
    """
    import torch

    flat = tensor.reshape(-1)
    size = chunk_elements(flat.device)
    total = torch.zeros((), dtype=torch.int64, device=flat.device)
    for begin in range(0, flat.numel(), size):
        part = flat[begin : begin + size].to(torch.float32).view(torch.int32).to(torch.int64)
        factors = torch.arange(start + begin, start + begin + part.numel(), dtype=torch.int64, device=flat.device)
        factors.mul_(signed(_GOLDEN, 64)).bitwise_or_(1)
        total += part.mul_(factors).sum()
    return total


class WeightsDigest:
    """Collect every tensor of a model, in any order."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}

    def add(self, name: str, tensor: torch.Tensor) -> None:
        """Add the tensor that the checkpoint calls ``name``."""
        self._sums[name] = tensor_sum(tensor)

    def add_parts(self, name: str, parts: Iterable[torch.Tensor]) -> None:
        """Add a tensor that comes in parts, in order."""
        start = 0
        for part in parts:
            total = tensor_sum(part, start)
            self._sums[name] = self._sums[name] + total if start else total
            start += part.numel()

    def hexdigest(self) -> str:
        """Return the digest of all added tensors, 64 hexadecimal digits."""
        lines = (f"{name} {int(value) & (1 << 64) - 1:016x}\n" for name, value in sorted(self._sums.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
