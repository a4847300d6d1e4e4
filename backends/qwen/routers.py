"""The routers of transformers' networks: heard, and told what to choose. Each gives logits, scores and expert ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from backends.qwen.model import Model
from backends.qwen.routing import load_choices

_ROUTER = re.compile(r"(?:^|\.)layers\.(\d+)\.mlp\.gate$")


def routers(network: nn.Module) -> Iterator[tuple[int, nn.Module]]:
    """Yield every router with the number of its layer."""
    for name, module in network.named_modules():
        if (found := _ROUTER.search(name)) and hasattr(module, "top_k"):
            yield int(found[1]), module


class Recorder:
    """Keeps what every router chooses, in the order in which tokens are fed."""

    def __init__(self, network: nn.Module, sequences: int) -> None:
        self._sequences = sequences
        self._chosen: dict[int, list[np.ndarray]] = {}
        for layer, router in routers(network):
            self._chosen[layer] = []
            router.register_forward_hook(partial(self._hear, layer))

    def _hear(self, layer: int, module: nn.Module, inputs: Any, output: Any) -> None:
        chosen = output[-1].view(self._sequences, -1, output[-1].shape[-1])
        self._chosen[layer].append(chosen.to(torch.int32).cpu().numpy())

    def chosen(self) -> np.ndarray:
        """Return the expert ids so far: int32 ``[sparse layers, sequences, tokens, choices]``."""
        return np.stack([np.concatenate(parts, axis=1) for _, parts in sorted(self._chosen.items())])


class Replay:
    """Makes every router choose what a file says; it scores the chosen experts by its own logits.

    Tokens are placed by the length of the cache, so a network may be reset and run again.
    """

    def __init__(self, network: nn.Module, model: Model) -> None:
        self._choices = {layer: torch.from_numpy(ids) for layer, ids in load_choices(model).items()}
        self._start = 0
        network.register_forward_pre_hook(self._locate, with_kwargs=True)
        for layer, router in routers(network):
            router.register_forward_hook(partial(self._choose, layer))

    def _locate(self, module: nn.Module, inputs: Any, options: dict[str, Any]) -> None:
        cache = options.get("past_key_values")
        self._start = 0 if cache is None else int(cache.get_seq_length())
        self._sequences, self._tokens = options["input_ids"].shape

    def _choose(self, layer: int, module: nn.Module, inputs: Any, output: Any) -> Any:
        logits: torch.Tensor = output[0]
        part = self._choices[layer][: self._sequences, self._start : self._start + self._tokens]
        chosen = part.reshape(-1, part.shape[-1]).to(logits.device)
        scores = logits.softmax(-1, dtype=torch.float32).gather(-1, chosen)
        if getattr(module, "norm_topk_prob", True):
            scores = scores / scores.sum(-1, keepdim=True)
        return logits, scores.to(logits.dtype), chosen
