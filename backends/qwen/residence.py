"""Which weights of a network are in memory: none but those of the part that is at work."""

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
"""Roles of which a step needs some rows, or that are large: they stay out of memory until they are asked for."""


class Residence:
    """Transformers' network in float32 with its weights on the meta device, and brought in a layer at a time."""

    def __init__(self, model: Model, **options: Any) -> None:
        spec = model.spec
        self.spec, self.weights = spec, Weights(model)
        self.network: Any = empty_qwen(spec, **options)
        if spec.tied_embeddings:
            embedding = self.network.get_submodule(f"{spec.family.language_prefix}embed_tokens")
            self.network.get_submodule("lm_head").weight = embedding.weight
        self._names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        self._layers: list[list[Weight]] = [[] for _ in range(spec.layers)]
        self._around: list[Weight] = []
        prefix = f"{spec.family.language_prefix}layers."
        for weight in spec.language_weights():
            if weight.role in GATHERED:
                continue
            inside = weight.name.startswith(prefix)
            (self._layers[int(weight.name.removeprefix(prefix).split(".")[0])] if inside else self._around).append(weight)
        self._bring(self._around)
        self.network.eval()

    @contextmanager
    def layer(self, index: int) -> Iterator[None]:
        """Hold the weights of a layer, but for its experts."""
        before = self._bring(self._layers[index])
        try:
            yield
        finally:
            self._put(before)

    def name(self, parameter: torch.Tensor) -> str:
        """Return the name of a parameter that is on the meta device."""
        return self._names[id(parameter)]

    def parts(self, parameter: torch.Tensor, elements: int) -> Iterator[torch.Tensor]:
        """Yield whole rows of a parameter, about ``elements`` at a time, whether it is in memory or not."""
        if parameter.is_meta:
            yield from self.weights.in_parts(self.name(parameter), elements)
        else:
            rows = max(1, elements // max(1, parameter[0].numel()))
            yield from parameter.detach().split(rows)

    def whole(self, parameter: torch.Tensor) -> torch.Tensor:
        """Return all of a parameter."""
        return self.weights.read(self.name(parameter)) if parameter.is_meta else parameter.detach()

    def _bring(self, weights: list[Weight]) -> dict[str, nn.Parameter]:
        """Load weights; return the parameters that were in their places."""
        loaded = {
            weight.name: nn.Parameter(self.weights.read(weight.name), requires_grad=False) for weight in weights
        }
        return self._put(loaded)

    def _put(self, parameters: dict[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        before = {}
        for name, parameter in parameters.items():
            owner, _, leaf = name.rpartition(".")
            module = self.network.get_submodule(owner)
            before[name] = getattr(module, leaf)
            setattr(module, leaf, parameter)
        return before
