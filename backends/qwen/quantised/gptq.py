"""GPTQ checkpoints: integers packed along the inputs, zero points and scales of each group of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.quantised.form import FLOATS, Form, Headers, NotRead, Quantised, Small, check_groups, need
from backends.qwen.quantised.packing import unpack

if TYPE_CHECKING:
    import torch

_BITS = (2, 3, 4, 8)


class Gptq(Form):
    """``scales[g] * (q - zero[g])``, where ``g`` is the input's group.

    ``qweight`` is ``[inputs * bits / 32, outputs]``, ``qzeros`` ``[groups, outputs * bits / 32]``, ``scales``
    ``[groups, outputs]``, ``g_idx`` ``[inputs]``: the group of each input, in no order where ``desc_act`` is on. The
    first version of the format stores a zero point less one, modulo 2**bits (so 2**bits - 1 stands for 0); ``gptq_v2``
    stores it as it is. Sources: AutoGPTQ 0.7 (``nn_modules/qlinear/qlinear_cuda_old.py``), GPTQModel
    (``utils/model.py``, the conversion between the two versions).
    """

    kinds = ("gptq",)

    def __init__(self, settings: dict[str, Any]) -> None:
        self.bits = int(settings.get("bits", 4))
        self.group = int(settings.get("group_size", -1))
        version = settings.get("checkpoint_format") or settings.get("format") or "gptq"
        if settings.get("is_marlin_format"):
            version = "marlin"
        if version not in ("gptq", "gptq_v2") or self.bits not in _BITS:
            raise NotRead(f"GPTQ of {self.bits} bits in the format {version}")
        if settings.get("pack_dtype") not in (None, "int32"):
            raise NotRead(f"GPTQ packed in {settings['pack_dtype']}")
        if any(not rule.startswith("-:") for rule in settings.get("dynamic") or ()):
            raise NotRead("GPTQ with other settings for some modules")
        self.offset = 0 if version == "gptq_v2" else 1
        left = (f"re:{rule.removeprefix('-:')}" for rule in settings.get("dynamic") or ())
        self.plain = (*(settings.get("modules_to_not_convert") or ()), *left)
        size = "one group" if self.group < 1 else f"group {self.group}"
        ordered = ", activation order" if settings.get("desc_act") else ""
        self.label = f"GPTQ, {self.bits} bits, {size}{ordered}{'' if self.offset else ', v2'}"

    def find(self, headers: Headers, small: Small) -> Iterator[Quantised]:
        """Find every ``qweight``."""
        for name, header in headers.items():
            stem, _, leaf = name.rpartition(".")
            if leaf != "qweight":
                continue
            if len(header.shape) != 2 or header.dtype != "I32" or header.shape[0] * 32 % self.bits:
                raise InputError(f"{header.path}: {name} is no matrix of packed int32; download the checkpoint again")
            inputs, outputs = header.shape[0] * 32 // self.bits, header.shape[1]
            groups = 1 if self.group < 1 else -(-inputs // self.group)
            parts = {
                "weight": name,
                "zeros": need(headers, name, f"{stem}.qzeros", ((groups, outputs * self.bits // 32),), ("I32",)),
                "scales": need(headers, name, f"{stem}.scales", ((groups, outputs),), FLOATS),
            }
            if f"{stem}.g_idx" in headers:
                parts["groups"] = need(headers, name, f"{stem}.g_idx", ((inputs,),), ("I32", "I64"))
                check_groups(headers, parts["groups"], small, groups)
            yield Quantised(f"{stem}.weight", (outputs, inputs), parts)

    def dequantise(self, weight: Quantised, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """Unpack, subtract the zero point of each input's group, multiply by its scale."""
        import torch

        outputs, inputs = weight.shape
        values = unpack(read(weight.parts["weight"]).t(), self.bits, inputs).to(torch.float32)
        zeros = unpack(read(weight.parts["zeros"]), self.bits, outputs)
        zeros = (zeros + self.offset) & ((1 << self.bits) - 1)
        scales = read(weight.parts["scales"]).to(torch.float32)
        if "groups" in weight.parts:
            group = read(weight.parts["groups"]).long()
        else:
            group = torch.arange(inputs) // (self.group if self.group > 0 else inputs)
        values -= zeros.t().to(torch.float32)[:, group]
        values *= scales.t()[:, group]
        return values
