"""The audio towers of the omni models: counted, so that a model's size is whole. No workload of ours runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.qwen.parts import Weight, linear, norm


@dataclass(frozen=True, slots=True)
class Audio:
    """An encoder of ``layers`` blocks behind convolutions over ``mel_bins``.

    ``downsample`` is the width of the two-dimensional convolutions of Qwen3-Omni; 0 means Qwen2.5-Omni's tower.
    """

    hidden_size: int
    layers: int
    intermediate_size: int
    mel_bins: int
    out_hidden_size: int
    downsample: int = 0
    heads: int = 20

    def weights(self) -> Iterator[Weight]:
        """Every tensor of the tower, under ``model.audio_tower.``."""
        at, width = "model.audio_tower.", self.hidden_size
        if not self.downsample:
            yield from _convolution(f"{at}conv1", (width, self.mel_bins, 3))
            yield from _convolution(f"{at}conv2", (width, width, 3))
            yield Weight(f"{at}audio_bos_eos_token.weight", (2, self.out_hidden_size), "table")
        for layer in range(self.layers):
            yield from self._layer(f"{at}layers.{layer}.")
        yield from norm(f"{at}ln_post", width, bias=True)
        if not self.downsample:
            yield from linear(f"{at}proj", self.out_hidden_size, width, bias=True)
            return
        yield from _convolution(f"{at}conv2d1", (self.downsample, 1, 3, 3))
        yield from _convolution(f"{at}conv2d2", (self.downsample, self.downsample, 3, 3))
        yield from _convolution(f"{at}conv2d3", (self.downsample, self.downsample, 3, 3))
        bins = self.mel_bins
        for _ in range(3):  # three convolutions of stride 2
            bins = (bins + 1) // 2
        yield from linear(f"{at}conv_out", width, self.downsample * bins)
        yield from linear(f"{at}proj1", width, width, bias=True)
        yield from linear(f"{at}proj2", self.out_hidden_size, width, bias=True)

    def _layer(self, at: str) -> Iterator[Weight]:
        width = self.hidden_size
        yield from linear(f"{at}self_attn.k_proj", width, width, bias=bool(self.downsample))
        for name in ("v_proj", "q_proj", "out_proj"):
            yield from linear(f"{at}self_attn.{name}", width, width, bias=True)
        yield from norm(f"{at}self_attn_layer_norm", width, bias=True)
        yield from linear(f"{at}fc1", self.intermediate_size, width, bias=True)
        yield from linear(f"{at}fc2", width, self.intermediate_size, bias=True)
        yield from norm(f"{at}final_layer_norm", width, bias=True)


def _convolution(name: str, shape: tuple[int, ...]) -> Iterator[Weight]:
    yield Weight(f"{name}.weight", shape, "projection")
    yield Weight(f"{name}.bias", (shape[0],), "vector")
