"""Counts the experts that a decode step touches, where transformers' routers choose them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from backends.contract.backend import ExpertUse
from backends.qwen.routers import routers


class RoutingCounter:
    """Listens to every router below ``network`` while :attr:`counting`; a replayed choice is heard like any other.

    A router's output ends with the chosen experts, ``[tokens, per_token]``. Steps of one token a sequence count.
    """

    def __init__(self, network: nn.Module, batch: int) -> None:
        self.counting = False
        self._batch = batch
        self._distinct: list[int] = []
        for _, router in routers(network):
            router.register_forward_hook(self._hear)

    def _hear(self, module: nn.Module, inputs: Any, output: Any) -> None:
        chosen: torch.Tensor = output[-1]
        if self.counting and chosen.shape[0] == self._batch:
            self._distinct.append(int(chosen.unique().numel()))

    def use(self) -> ExpertUse | None:
        """Return the count so far; None if no decode step was counted."""
        if not self._distinct:
            return None
        return ExpertUse(sum(self._distinct) / len(self._distinct), len(self._distinct))
