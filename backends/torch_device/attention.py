"""Attention on a static KV cache ``[batch, capacity, kv_heads, head_dim]``: prefill, and two ways for a decode step.

Queries are ``[batch, tokens, heads, head_dim]``; results ``[batch, tokens, heads * head_dim]``.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch.nn.functional import scaled_dot_product_attention


def causal_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, grouped: bool) -> torch.Tensor:
    """Attend in a prefill: every token to itself and those before it, by PyTorch's fused kernel.

    ``grouped`` says that this kernel takes fewer key heads than query heads; otherwise keys and values are repeated.
    """
    batch, tokens, heads, width = q.shape
    if not grouped:
        k, v = (one.repeat_interleave(heads // k.shape[2], dim=2) for one in (k, v))
    q, k, v = (one.transpose(1, 2) for one in (q, k, v))
    mixed = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
    return mixed.transpose(1, 2).reshape(batch, tokens, heads * width)


class DecodeAttention(ABC):
    """Attention of one token to the cache.

    ``reach`` makes, once a step, the tensors that say how much of the cache holds tokens, from ``position`` (int64
    ``[1]``, that of the new token); calling the object uses them in every layer. ``bounded`` says whether it reads
    the whole ``extent`` of the cache, so that a smaller one saves traffic.
    """

    name: ClassVar[str]
    bounded: ClassVar[bool]

    @abstractmethod
    def reach(self, position: torch.Tensor, extent: int) -> tuple[torch.Tensor, ...]:
        """Return the tensors that every layer of this step needs."""

    @abstractmethod
    def __call__(self, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *reach: torch.Tensor) -> torch.Tensor:
        """Return the new token's mixture of values, ``[batch, 1, heads * head_dim]``."""


class MaskedSdpa(DecodeAttention):
    """PyTorch's own attention with a mask; runs on every device.

    The query heads that share a key head become rows of one query, so that keys are read once for all of them.
    """

    name = "sdpa, masked"
    bounded = True

    def __init__(self, batch: int, capacity: int, dtype: torch.dtype, device: str) -> None:
        self._slots = torch.arange(capacity, device=device)
        self._dtype = dtype

    def reach(self, position: torch.Tensor, extent: int) -> tuple[torch.Tensor, ...]:
        """Return the additive mask ``[1, 1, 1, extent]``."""
        mask = torch.zeros(extent, dtype=self._dtype, device=position.device)
        return (mask.masked_fill_(self._slots[:extent] > position, float("-inf")).view(1, 1, 1, extent),)

    def __call__(self, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *reach: torch.Tensor) -> torch.Tensor:
        """Make the heads of one group the rows of a query."""
        (mask,) = reach
        batch, _, heads, width = q.shape
        groups, extent = keys.shape[2], mask.shape[-1]
        rows = q.view(batch, groups, heads // groups, width)
        k, v = (one[:, :extent].transpose(1, 2) for one in (keys, values))
        return scaled_dot_product_attention(rows, k, v, attn_mask=mask).reshape(batch, 1, heads * width)


class VarlenFlash(DecodeAttention):
    """FlashAttention's kernel for sequences of given length: it reads only the tokens in use.

    CUDA, half precision, and a PyTorch whose ``varlen_attn`` takes the used length of each sequence.
    """

    name = "flash, used length"
    bounded = False

    def __init__(self, batch: int, capacity: int, dtype: torch.dtype, device: str) -> None:
        starts = torch.arange(batch + 1, dtype=torch.int32, device=device)
        self._query_starts, self._key_starts = starts, starts * capacity
        self._batch = batch

    @classmethod
    def can_run(cls, dtype: torch.dtype, device: str) -> bool:
        """Return whether this device and PyTorch may run it."""
        if not device.startswith("cuda") or dtype not in (torch.bfloat16, torch.float16):
            return False
        try:
            from torch.nn.attention.varlen import varlen_attn
        except ImportError:
            return False
        return {"seqused_k", "enable_gqa"} <= set(inspect.signature(varlen_attn).parameters)

    def reach(self, position: torch.Tensor, extent: int) -> tuple[torch.Tensor, ...]:
        """Return the used length of every sequence."""
        return ((position + 1).to(torch.int32).expand(self._batch).contiguous(),)

    def __call__(self, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *reach: torch.Tensor) -> torch.Tensor:
        """Pass all sequences as one, with their starts and used lengths."""
        from torch.nn.attention.varlen import varlen_attn

        (used,) = reach
        batch, _, heads, width = q.shape
        capacity = keys.shape[1]
        mixed = varlen_attn(
            q.view(batch, heads, width),
            keys.view(batch * capacity, -1, width),
            values.view(batch * capacity, -1, width),
            self._query_starts,
            self._key_starts,
            1,
            capacity,
            seqused_k=used,
            enable_gqa=True,
        )
        assert isinstance(mixed, torch.Tensor)
        return mixed.view(batch, 1, heads * width)
