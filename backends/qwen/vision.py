"""Vision towers: patches of an image through a transformer, then merged four to one into tokens of the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backends.qwen.parts import Weight, linear, norm

Tower = Literal["qwen2_vl", "qwen2_5_vl", "qwen2_5_omni", "qwen3_vl", "qwen3_omni"]

CHANNELS = 3
"""Red, green, blue."""


@dataclass(frozen=True, slots=True)
class Vision:
    """A tower of ``depth`` blocks; an image counts as ``temporal_patch_size`` equal frames.

    ``window`` is the side, in pixels, of the windows that all blocks but ``full_blocks`` attend within. ``deepstack``
    names the blocks whose output is merged and added to the first layers of the language model.
    """

    depth: int
    hidden_size: int
    heads: int
    intermediate_size: int
    patch_size: int
    out_hidden_size: int
    spatial_merge_size: int = 2
    temporal_patch_size: int = 2
    positions: int = 0
    deepstack: tuple[int, ...] = ()
    window: int | None = None
    full_blocks: tuple[int, ...] = ()

    @property
    def merged_width(self) -> int:
        """Width of the patches that make one token."""
        return self.hidden_size * self.spatial_merge_size**2

    @property
    def factor(self) -> int:
        """Sides of an image are rounded to a multiple of this many pixels."""
        return self.patch_size * self.spatial_merge_size

    def weights(self, tower: Tower) -> Iterator[Weight]:
        """Every tensor of the tower, under ``model.visual.``."""
        at = "model.visual."
        width, modern = self.hidden_size, tower in ("qwen3_vl", "qwen3_omni")
        if tower == "qwen3_omni":
            for index in range(len(self.deepstack)):
                yield from self._merger(f"{at}merger_list.{index}.", tower, self.merged_width)
        patch = (width, CHANNELS, self.temporal_patch_size, self.patch_size, self.patch_size)
        yield Weight(f"{at}patch_embed.proj.weight", patch, "projection")
        if modern:
            yield Weight(f"{at}patch_embed.proj.bias", (width,), "vector")
            yield Weight(f"{at}pos_embed.weight", (self.positions, width), "table")
        for block in range(self.depth):
            yield from self._block(f"{at}blocks.{block}.", tower)
        yield from self._merger(f"{at}merger.", tower, width)
        if tower == "qwen3_vl":
            for index in range(len(self.deepstack)):
                yield from self._merger(f"{at}deepstack_merger_list.{index}.", tower, self.merged_width)

    def _block(self, at: str, tower: Tower) -> Iterator[Weight]:
        width, inner = self.hidden_size, self.intermediate_size
        gated = tower in ("qwen2_5_vl", "qwen2_5_omni")
        yield from norm(f"{at}norm1", width, bias=not gated)
        yield from norm(f"{at}norm2", width, bias=not gated)
        if tower == "qwen2_5_omni":
            for name in ("q", "k", "v"):
                yield from linear(f"{at}attn.{name}", width, width, bias=True)
        else:
            yield from linear(f"{at}attn.qkv", 3 * width, width, bias=True)
        yield from linear(f"{at}attn.proj", width, width, bias=True)
        if gated:
            yield from linear(f"{at}mlp.gate_proj", inner, width, bias=True)
            yield from linear(f"{at}mlp.up_proj", inner, width, bias=True)
            yield from linear(f"{at}mlp.down_proj", width, inner, bias=True)
        else:
            first, second = ("fc1", "fc2") if tower == "qwen2_vl" else ("linear_fc1", "linear_fc2")
            yield from linear(f"{at}mlp.{first}", inner, width, bias=True)
            yield from linear(f"{at}mlp.{second}", width, inner, bias=True)

    def _merger(self, at: str, tower: Tower, normed: int) -> Iterator[Weight]:
        first, second = ("linear_fc1", "linear_fc2") if tower == "qwen3_vl" else ("mlp.0", "mlp.2")
        name = "norm" if tower == "qwen3_vl" else "ln_q"
        yield from norm(f"{at}{name}", normed, bias=tower not in ("qwen2_5_vl", "qwen2_5_omni"))
        yield from linear(f"{at}{first}", self.merged_width, self.merged_width, bias=True)
        yield from linear(f"{at}{second}", self.out_hidden_size, self.merged_width, bias=True)

    def patches(self, height: int, width: int) -> int:
        """Patches of an image whose sides are multiples of :attr:`factor`."""
        return (height // self.patch_size) * (width // self.patch_size)

    def tokens(self, height: int, width: int) -> int:
        """Tokens that the image takes in the prompt."""
        return self.patches(height, width) // self.spatial_merge_size**2

    def flops(self, tower: Tower, height: int, width: int) -> int:
        """Operations to encode one image; two per multiply-add."""
        patches = self.patches(height, width)
        tokens = self.tokens(height, width)
        work = 0
        for weight in self.weights(tower):
            if weight.role == "projection":
                rows = tokens if "merger" in weight.name else patches
                work += 2 * rows * weight.elements
        return work + sum(self._attention_flops(block, height, width) for block in range(self.depth))

    def _attention_flops(self, block: int, height: int, width: int) -> int:
        """Scores and weighted sums, each image or window in full."""
        if self.window is None or block in self.full_blocks:
            return 4 * self.patches(height, width) ** 2 * self.hidden_size
        side = self.window // self.factor * self.spatial_merge_size  # patches along one window
        rows, columns = height // self.patch_size, width // self.patch_size
        squares = sum(
            (min(side, rows - top) * min(side, columns - left)) ** 2
            for top in range(0, rows, side)
            for left in range(0, columns, side)
        )
        return 4 * squares * self.hidden_size
