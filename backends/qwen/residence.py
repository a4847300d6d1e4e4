"""Which weights of a network are in memory: those of the part that is at work, and what else fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from backends.qwen.model import Model
from backends.qwen.parts import Weight
from backends.qwen.torch_model import empty_qwen
from backends.qwen.weights import Weights

GATHERED = ("embedding", "head", "table", "expert")
"""Roles of which a step needs some rows, or that are large: they are no part of a layer here."""

Brought = dict[str, nn.Parameter]


class Residence:
    """Transformers' network in float32 on ``device``; its weights are on the meta device until a part is at work.

    A part that has been at work stays in memory as long as ``keep_bytes`` is not used up; otherwise it is dropped and
    made again. The values, and with them the answer, are the same.
    """

    def __init__(
        self, model: Model, device: str = "cpu", keep_bytes: int = 0, weights: Weights | None = None, **options: Any
    ) -> None:
        spec = model.spec
        self.spec, self.weights, self.device = spec, weights or Weights(model), device
        self.network: Any = empty_qwen(spec, **options)
        if spec.tied_embeddings:
            embedding = self.network.get_submodule(f"{spec.family.language_prefix}embed_tokens")
            self.network.get_submodule("lm_head").weight = embedding.weight
        self._names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        self._left = keep_bytes
        self._kept: set[int] = set()
        self._layers: list[list[Weight]] = [[] for _ in range(spec.layers)]
        around: list[Weight] = []
        prefix = f"{spec.family.language_prefix}layers."
        for weight in spec.language_weights():
            if weight.role not in GATHERED:
                inside = weight.name.startswith(prefix)
                number = int(weight.name.removeprefix(prefix).partition(".")[0]) if inside else 0
                (self._layers[number] if inside else around).append(weight)
        self.swap(self._made(around))
        for module in self.network.modules():
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, buffer.to(device))
        self.network.eval()

    @contextmanager
    def layer(self, index: int) -> Iterator[None]:
        """Hold the weights of a layer, but for its experts."""
        before = self.enter(index)
        try:
            yield
        finally:
            self.swap(before)

    def enter(self, index: int) -> Brought:
        """Bring the weights of a layer; return what to put back with :meth:`swap` afterwards, nothing if they stay."""
        if index in self._kept:
            return {}
        before = self.swap(self._made(self._layers[index]))
        if self.keep(4 * sum(weight.elements for weight in self._layers[index])):
            self._kept.add(index)
            return {}
        return before

    def keep(self, size: int) -> bool:
        """Return whether so many bytes more may stay in memory, and count them if so."""
        fits = size <= self._left
        self._left -= size if fits else 0
        return fits

    def name(self, parameter: torch.Tensor) -> str:
        """Return the name of a parameter that is on the meta device."""
        return self._names[id(parameter)]

    def parts(self, parameter: torch.Tensor, elements: int) -> Iterator[torch.Tensor]:
        """Yield whole rows of a parameter, about ``elements`` at a time, whether it is in memory or not."""
        if parameter.is_meta:
            yield from self.weights.in_parts(self.name(parameter), elements)
        else:
            yield from parameter.detach().split(max(1, elements // max(1, parameter[0].numel())))

    def whole(self, parameter: torch.Tensor) -> nn.Parameter:
        """Return all of a parameter on the device."""
        return nn.Parameter(self.weights.read(self.name(parameter), device=self.device), requires_grad=False)

    def head(self, parameter: torch.Tensor) -> nn.Parameter:
        """Return all of the output head on the device; ``parameter`` may be the embedding that it is tied to."""
        name = self.weights.head(self.name(parameter))
        return nn.Parameter(self.weights.read(name, device=self.device), requires_grad=False)

    def swap(self, parameters: Brought) -> Brought:
        """Put parameters in their places by name; return those that were there."""
        before = {}
        for name, parameter in parameters.items():
            owner, _, leaf = name.rpartition(".")
            module = self.network.get_submodule(owner)
            before[name] = getattr(module, leaf)
            setattr(module, leaf, parameter)
        return before

    def _made(self, weights: list[Weight]) -> Brought:
        read = self.weights.read
        return {
            weight.name: nn.Parameter(read(weight.name, device=self.device), requires_grad=False) for weight in weights
        }
