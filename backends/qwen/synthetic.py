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

_BLOCK_VARIANCE = 3.0
"""What all attention and MLP blocks together add to the residual stream, in units of the embedding's variance."""


def synthetic_model(spec: ModelSpec, seed: int = 0) -> Model:
    """Return ``spec`` with synthetic weights; the digest covers recipe, seed and dimensions."""
    identity = {"scheme": SCHEME, "seed": seed, "spec": spec.digest()}
    return Model(spec, hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest(), seed=seed)


def tensor_key(seed: int, name: str) -> int:
    """Return the 32-bit key of one tensor."""
    return int.from_bytes(hashlib.sha256(f"{SCHEME}:{seed}:{name}".encode()).digest()[:4], "little")


def tensor_scale(spec: ModelSpec, name: str) -> tuple[int, int]:
    """Return how a byte becomes a value, as ``(offset, exponent)``: ``(2 b - 255 + offset) * 2**exponent``.

    Norm weights sit around their mean (an ignored norm weight must show in parity); everything else around zero, the
    final norm too: where the output head is tied to the embedding, a final norm of one sign would let every token
    predict itself.
    """
    if name == "model.norm.weight":
        return 0, round(math.log2(1 / _BYTE_STD))
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return _around(_ATTENTION_SHARPNESS)
    if name.endswith("norm.weight"):
        return _around(1.0)
    embedding_std = _LOGIT_STD / math.sqrt(spec.hidden_size)
    block_std = embedding_std * math.sqrt(_BLOCK_VARIANCE / (2 * spec.layers))
    if name.endswith(("embed_tokens.weight", "lm_head.weight")):
        std = embedding_std
    elif name.endswith("bias"):
        std = 0.25
    elif name.endswith("o_proj.weight"):
        std = 2 * block_std / math.sqrt(spec.attention_width)
    elif name.endswith("down_proj.weight"):
        std = 2 * block_std / math.sqrt(spec.intermediate_size)
    elif spec.architecture == "qwen2" and name.endswith(("q_proj.weight", "k_proj.weight")):
        std = _ATTENTION_SHARPNESS / math.sqrt(spec.hidden_size)
    else:
        std = 1 / math.sqrt(spec.hidden_size)
    return 0, round(math.log2(std / _BYTE_STD))


def _around(mean: float) -> tuple[int, int]:
    """Norm weights: 64 levels from ``mean - 0.5`` to just under ``mean + 0.5`` (see :func:`fill`)."""
    return round(mean * 64), -6


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
