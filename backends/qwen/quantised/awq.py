"""AWQ checkpoints as AutoAWQ's ``gemm`` kernel wants them: four bits, packed along the outputs in its own order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.quantised.form import FLOATS, Form, Headers, NotRead, Quantised, Small, need
from backends.qwen.quantised.packing import unpack

if TYPE_CHECKING:
    import torch

_PLACES = (0, 4, 1, 5, 2, 6, 3, 7)
"""Which four bits of a word, from the lowest on, hold outputs 0 to 7."""


class Awq(Form):
    """``(q - zero[g]) * scales[g]``, where ``g`` is the input's group of ``group_size``.

    ``qweight`` is ``[inputs, outputs / 8]``, ``qzeros`` ``[groups, outputs / 8]``, ``scales`` ``[groups, outputs]``.
    Sources: AutoAWQ 0.2 (``modules/linear/gemm.py``, ``utils/packing_utils.py``: the order), vLLM
    (``model_executor/layers/quantization/awq_triton.py``).
    """

    kinds = ("awq",)

    def __init__(self, settings: dict[str, Any]) -> None:
        bits = int(settings.get("bits", settings.get("w_bit", 4)))
        version = str(settings.get("version") or settings.get("format") or "gemm").lower()
        if bits != 4 or version not in ("gemm", "exllama", "ipex"):
            raise NotRead(f"AWQ of {bits} bits in the layout {version}")
        self.group = int(settings.get("group_size", settings.get("q_group_size", 128)))
        self.plain = tuple(settings.get("modules_to_not_convert") or ())
        self.label = f"AWQ, 4 bits, {'one group' if self.group < 1 else f'group {self.group}'}"

    def find(self, headers: Headers, small: Small) -> Iterator[Quantised]:
        """Find every ``qweight``."""
        for name, header in headers.items():
            stem, _, leaf = name.rpartition(".")
            if leaf != "qweight":
                continue
            if len(header.shape) != 2 or header.dtype != "I32":
                raise InputError(f"{header.path}: {name} is no matrix of packed int32; download the checkpoint again")
            inputs, outputs = header.shape[0], header.shape[1] * 8
            groups = 1 if self.group < 1 else -(-inputs // self.group)
            parts = {
                "weight": name,
                "zeros": need(headers, name, f"{stem}.qzeros", ((groups, outputs // 8),), ("I32",)),
                "scales": need(headers, name, f"{stem}.scales", ((groups, outputs),), FLOATS),
            }
            yield Quantised(f"{stem}.weight", (outputs, inputs), parts)

    def dequantise(self, weight: Quantised, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Unpack and put the outputs in order, subtract the zero point of each group, multiply by its scale."""
        import torch

        outputs, inputs = weight.shape
        group = torch.arange(inputs) // (self.group if self.group > 0 else inputs)
        values = _in_order(unpack(read(weight.parts["weight"]), 4, outputs)).to(torch.float32)
        values -= _in_order(unpack(read(weight.parts["zeros"]), 4, outputs)).to(torch.float32)[group]
        values *= read(weight.parts["scales"]).to(torch.float32)[group]
        return values.t()


def _in_order(unpacked: torch.Tensor) -> torch.Tensor:
    return unpacked.unflatten(-1, (-1, 8))[..., list(_PLACES)].flatten(-2)
