"""A picture as transformers' networks take it, and how long their vision tower works on it."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from backends.qwen.images import Image, checked_pixels
from backends.qwen.model import Model

_BY_MASK = ("qwen2_5_omni", "qwen3_omni")
"""Towers whose networks find pictures by token id and want a mask; the others want the type of every token."""


def image_arguments(
    model: Model, image: Image, batch: int, prompt_tokens: int, device: str = "cpu"
) -> dict[str, torch.Tensor]:
    """Return what the prefill takes beside the ids: pixels, the grid of patches, and where the picture's tokens are."""
    vision = model.spec.vision
    assert vision is not None
    pixels = torch.from_numpy(checked_pixels(model, image, batch)).to(device)
    grid = [1, image.height // vision.patch_size, image.width // vision.patch_size]
    shape = (batch, prompt_tokens)
    found = {"pixel_values": pixels, "image_grid_thw": torch.tensor([grid] * batch, device=device)}
    if model.spec.family.tower in _BY_MASK:
        return {**found, "attention_mask": torch.ones(shape, dtype=torch.int64, device=device)}
    types = torch.zeros(shape, dtype=torch.int32, device=device)
    types[:, image.start : image.start + image.tokens] = 1
    return {**found, "mm_token_type_ids": types}


class TowerClock:
    """Times the vision tower of ``network`` on the host's clock, whenever it runs."""

    def __init__(self, network: nn.Module) -> None:
        self.taken_ns: int | None = None
        self._began = 0
        tower = network.get_submodule("model.visual")
        tower.register_forward_pre_hook(self._begin)
        tower.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._began = time.perf_counter_ns()

    def _end(self, *_: Any) -> None:
        self.taken_ns = time.perf_counter_ns() - self._began
