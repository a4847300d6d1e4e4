"""Synthetic weights: every value is a function of (seed, tensor name, index) alone.

A 32-bit counter-based hash (the ``lowbias32`` finaliser: https://nullprogram.com/blog/2018/07/31/) gives four bytes;
element ``i`` takes byte ``i % 4`` of word ``i // 4``. A byte ``b`` becomes the odd integer ``2 b - 255``, times a
power of two. Odd integers up to 255 need eight significant bits, so each value is exact in bfloat16, float16 and
float32 alike, and only integer arithmetic that wraps modulo 2**32 is used: the bits are the same on any device, in
any order, at any parallelism.

The powers of two are chosen so that a network of any depth stays healthy: every projection keeps its input's scale;
all layers together add to the residual stream a small multiple of what the embedding put there, however deep the model
is (so float16 cannot overflow, and an error made early is not amplified layer by layer, as in a random network whose
blocks dominate); queries and keys are sharp enough for attention to select; logits have a standard deviation near 3
(neither flat nor one-hot).
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from backends.qwen.model import Model, ModelSpec

if TYPE_CHECKING:
    import torch

SCHEME = "lowbias32-bytes/1"
"""Name of this recipe; part of the digest, so a change of recipe changes every digest."""

CHUNK_ELEMENTS = 1 << 20
"""Elements generated at a time on a processor: the working set stays in cache and the threads share a chunk."""

DEVICE_CHUNK_ELEMENTS = 1 << 25
"""And on an accelerator: large enough that starting the work costs nothing beside it."""

_BYTE_STD = math.sqrt((256**2 - 1) / 3)
_LOGIT_STD = 3.0
_ATTENTION_SHARPNESS = 1.25

_DECAY_BIAS = -3.5
"""``dt_bias``: a state fades by about 3 % a token; it remembers some tens of tokens, in some heads hundreds."""

_DECAY_SPREAD = 0.5
"""Standard deviation of ``A_log`` over the heads."""

_BLOCK_VARIANCE = 3.0
"""What all attention and MLP blocks together add to the residual stream, in units of the embedding's variance."""


def synthetic_model(spec: ModelSpec, seed: int = 0) -> Model:
    """Return ``spec`` with synthetic weights; the digest covers recipe, seed and dimensions."""
    identity = {"scheme": SCHEME, "seed": seed, "spec": spec.digest()}
    return Model(spec, hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest(), seed=seed)


def tensor_key(seed: int, name: str) -> int:
    """Return the 32-bit key of one tensor."""
    return int.from_bytes(hashlib.sha256(f"{SCHEME}:{seed}:{name}".encode()).digest()[:4], "little")


def tensor_scale(spec: ModelSpec, name: str) -> tuple[int, int]:  # noqa: PLR0911 - one case a kind of tensor
    """How a byte becomes a value, as ``(offset, exponent)``: ``(2 b - 255) * 2**exponent`` where the offset is 0.

    Otherwise the value is one of 64 levels around a mean (see :func:`fill`). Norm weights sit around the mean that
    makes them act as 1 (an ignored norm weight must show in parity); everything else around zero, the final norm too:
    where the output head is tied to the embedding, a final norm of one sign would let every token predict itself.
    """
    if name.startswith("model.visual.") or name.startswith("model.audio_tower."):
        return _tower_scale(spec, name)
    mean = 1.0 - spec.family.norm_offset
    if name == f"{spec.family.language_prefix}hyper_connection_mixer.hc_norm.weight":
        return -4, -2  # between -8 and 8 once 1 is added: the mean over the streams takes it down again
    if name == f"{spec.family.language_prefix}norm.weight":
        # Between -2 and 2, once 1 is added where the family adds it.
        return (-16, -4) if spec.family.norm_offset else (0, round(math.log2(1 / _BYTE_STD)))
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return _around(mean + _ATTENTION_SHARPNESS - 1)
    if name.endswith("linear_attn.norm.weight"):
        return _around(1.0)
    if name.endswith(("norm.weight", "norm_key.weight", "norm_query.weight", "norm_conv.weight")):
        return _around(mean)
    if name.endswith("dt_bias"):
        return _around(_DECAY_BIAS)
    return 0, round(math.log2(_matrix_std(spec, name) / _BYTE_STD))


def _matrix_std(spec: ModelSpec, name: str) -> float:  # noqa: PLR0911 - one case a kind of tensor
    hidden = spec.hidden_size
    embedding_std = _LOGIT_STD / math.sqrt(hidden)
    # Twice, because both an attention's average and a gated product lose about half of their input's scale.
    out_std = 2 * embedding_std * math.sqrt(_BLOCK_VARIANCE / (2 * max(1, spec.layers)))
    if name.endswith(("embed_tokens.weight", "lm_head.weight", "ngram_embedding.weight")):
        return embedding_std
    if name.endswith("bias"):
        return 0.25
    if name.endswith("A_log"):
        return _DECAY_SPREAD
    if name.endswith("conv1d.weight"):
        return 1 / math.sqrt(spec.delta.taps if spec.delta else 4)
    if name.endswith("o_proj.weight"):
        return out_std / math.sqrt(spec.attention_width) * (2 if spec.family.gated_attention else 1)
    if name.endswith("out_proj.weight") and spec.delta:
        return out_std / math.sqrt(spec.delta.value_heads * spec.delta.value_dim)
    if name.endswith("down_proj") and spec.experts:
        # The weights of the chosen experts sum to 1, or, where they are not normalised again, to about a third.
        gain = math.sqrt(spec.experts.per_token) * (1 if spec.renormalised_routing else 3)
        return out_std / math.sqrt(spec.experts.width) * gain
    if name.endswith("shared_expert.down_proj.weight") and spec.experts:
        return 2 * out_std / math.sqrt(spec.experts.shared_width)
    if name.endswith("down_proj.weight"):
        return out_std / math.sqrt(spec.intermediate_size)
    if spec.architecture.startswith("qwen2") and name.endswith(("q_proj.weight", "k_proj.weight")):
        return _ATTENTION_SHARPNESS / math.sqrt(hidden)
    return 1 / math.sqrt(_fan_in(spec, name))


def _fan_in(spec: ModelSpec, name: str) -> int:
    """Inputs of a projection: the width of the model, except inside the streams of ``qwen4_exp``."""
    if spec.streams and name.endswith("input_mix_weight_up.weight"):
        return spec.streams.rank
    if spec.streams and name.endswith(("input_mix_weight_down.weight", "block_inject_weight.weight")):
        return spec.streams.count * spec.hidden_size
    if spec.ngrams and ".ple." in name:
        return spec.ngrams.width
    return spec.hidden_size


@cache
def _tower_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    return {weight.name: weight.shape for weight in spec.tower_weights()}


def _tower_scale(spec: ModelSpec, name: str) -> tuple[int, int]:
    """Scales of a tower: each projection keeps its input's scale, and what leaves looks like embedded tokens."""
    shape = _tower_shapes(spec)[name]
    if len(shape) == 1 and name.endswith("weight"):
        return _around(1.0)
    if name.endswith("bias"):
        std = 0.125
    elif name.endswith(("pos_embed.weight", "audio_bos_eos_token.weight")):
        std = 0.5
    else:
        std = 1 / math.sqrt(math.prod(shape[1:]))
        if name.endswith(("attn.proj.weight", "fc2.weight", "down_proj.weight", "out_proj.weight")):
            std /= 2
        if "merger" in name and name.endswith(("linear_fc2.weight", "mlp.2.weight")):
            std *= 2 * _LOGIT_STD / math.sqrt(spec.hidden_size)
    return 0, round(math.log2(std / _BYTE_STD))


def _around(mean: float) -> tuple[int, int]:
    """64 levels from ``mean - 0.5`` to just under ``mean + 0.5``, or, around zero, 256 levels (see :func:`fill`)."""
    return (round(mean * 64), -6) if mean else (0, -9)


def fill(tensor: torch.Tensor, spec: ModelSpec, name: str, seed: int, start: int = 0) -> None:
    """Write elements ``start, start + 1, ...`` of the tensor called ``name`` into the flat, contiguous ``tensor``.

    ``start`` must be a multiple of 4 (a word holds four elements). Any float dtype, any device.
    """
    offset, exponent = tensor_scale(spec, name)
    key = tensor_key(seed, name)
    flat = tensor.view(-1)
    size = chunk_elements(flat.device)
    for begin in range(0, flat.numel(), size):
        part = flat[begin : begin + size]
        octets = _octets(key, start + begin, part.numel(), part.device)
        if offset:
            levels = (octets >> 2).to(part.dtype).add_(offset - 32)
            part.copy_(levels.mul_(2.0**exponent))
        else:
            part.copy_(octets.to(part.dtype).mul_(2).sub_(255).mul_(2.0**exponent))


def chunk_elements(device: torch.device) -> int:
    """Return how many elements to work on at a time on ``device``, a multiple of 4."""
    return CHUNK_ELEMENTS if device.type == "cpu" else DEVICE_CHUNK_ELEMENTS


def _octets(key: int, start: int, count: int, device: torch.device) -> torch.Tensor:
    """Hash bytes of elements ``start .. start + count`` as uint8."""
    import torch

    if start % 4:
        raise ValueError("start must be a multiple of 4")
    first = start // 4
    words = (count + 3) // 4
    x = torch.arange(first, first + words, dtype=torch.int64, device=device).to(torch.int32)
    x ^= signed(key)
    # A signed shift drags the sign bit in; the mask makes it the logical shift the hash is defined with.
    x ^= (x >> 16) & 0xFFFF
    x *= signed(0x7FEB352D)
    x ^= (x >> 15) & 0x1FFFF
    x *= signed(0x846CA68B)
    x ^= (x >> 16) & 0xFFFF
    return x.view(torch.uint8)[:count]


def signed(word: int, bits: int = 32) -> int:
    """Return the signed integer that has a pattern of so many bits."""
    return word - (1 << bits) if word >= 1 << (bits - 1) else word
