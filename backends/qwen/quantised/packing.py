"""Small integers packed into 32-bit words, without gaps and the lowest bits first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def unpack(words: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Return the first ``count`` unsigned integers of ``bits`` bits (1 to 8) in each row of int32 ``words``.

    Value ``i`` has the bits from ``i * bits`` on; where 32 is no multiple of ``bits``, one may begin in a word and end
    in the next. That is how GPTQ packs 2, 3, 4 and 8 bits (AutoGPTQ 0.7, ``QuantLinear.pack``), and compressed-tensors
    any number of them (0.20, ``pack_to_int32``).

    Args:
        words: ``[..., n]``, int32.
        bits: Bits of one integer.
        count: Integers in a row, at most ``32 * n // bits``.

    Returns:
        ``[..., count]``, uint8.
    """
    import torch

    mask = (1 << bits) - 1
    if 8 % bits == 0:
        octets = words.contiguous().view(torch.uint8).unsqueeze(-1)
        shifts = torch.arange(0, 8, bits, dtype=torch.uint8)
        return ((octets >> shifts) & mask).flatten(-2)[..., :count]
    first = torch.arange(count) * bits
    word, offset = first // 32, first % 32
    unsigned = torch.nn.functional.pad(words.long() & 0xFFFFFFFF, (0, 1))
    pairs = unsigned[..., word] | (unsigned[..., word + 1] & mask) << 32
    return ((pairs >> offset) & mask).to(torch.uint8)
