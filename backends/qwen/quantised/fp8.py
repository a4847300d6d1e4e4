"""FP8 checkpoints as Qwen publishes them: E4M3 weights, and one scale a block or a tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backends.qwen.quantised.form import FLOATS, Form, Headers, Quantised, Small, need

if TYPE_CHECKING:
    import torch

OCTETS = ("F8_E4M3", "F8_E5M2")
"""Types of eight-bit floating point."""


class Fp8(Form):
    """``weight`` times ``weight_scale_inv``, which is the scale itself, not its inverse.

    A scale serves a block of ``weight_block_size`` rows and columns; blocks at the lower and right edge may be smaller.
    Without a block size one scale serves the tensor. Source: transformers 5.23, ``integrations/finegrained_fp8.py``
    (``FP8Linear``, ``FP8Experts``, ``Fp8Dequantize``), and the hub's ``Qwen3-*-FP8``.
    """

    kinds = ("fp8",)

    def __init__(self, settings: dict[str, Any]) -> None:
        block = settings.get("weight_block_size")
        self.block = None if block is None else (int(block[0]), int(block[1]))
        self.plain = tuple(settings.get("modules_to_not_convert") or ())
        size = "one scale a tensor" if self.block is None else f"block {'x'.join(map(str, dict.fromkeys(self.block)))}"
        self.label = f"FP8, {size}"

    def find(self, headers: Headers, small: Small) -> Iterator[Quantised]:
        """Find every tensor of eight-bit floats."""
        for name, header in headers.items():
            if header.dtype in OCTETS:
                scale = need(headers, name, f"{name}_scale_inv", self._grids(header.shape), (*FLOATS, "F8_E8M0"))
                yield Quantised(name, header.shape, {"weight": name, "scale": scale})

    def _grids(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        outer = shape[:-2]
        if self.block is None:
            return ((*outer, 1, 1), outer, (*outer, 1))
        return ((*outer, -(-shape[-2] // self.block[0]), -(-shape[-1] // self.block[1])),)

    def dequantise(self, weight: Quantised, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Multiply each block by its scale."""
        import torch

        values = read(weight.parts["weight"]).to(torch.float32)
        scales = read(weight.parts["scale"]).to(torch.float32)
        if self.block is None:
            return values.mul_(scales.reshape(*weight.shape[:-2], 1, 1))
        return values.mul_(spread(scales, self.block, weight.shape))


def spread(scales: torch.Tensor, block: tuple[int, int], shape: tuple[int, ...]) -> torch.Tensor:
    """Repeat each scale over its block: ``[..., row blocks, column blocks]`` to ``shape``."""
    rows = scales.repeat_interleave(block[0], -2)[..., : shape[-2], :]
    return rows.repeat_interleave(block[1], -1)[..., : shape[-1]]
