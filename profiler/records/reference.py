"""``reference.json``: the float32 reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """The float32 reference: greedy tokens ``[batch][output_tokens]``, and where its logits are.

    ``logits_file`` (in the bundle) holds float32 ``logits[rows, positions, vocab_size]`` for ``positions``.
    """

    token_ids: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...]
    logits_file: str
    sha256: str
    engine: str
    cached: bool
    weights_digest: str = ""
    """Of the float32 values (see :mod:`backends.qwen.weights_digest`); a target that tells its own must agree."""
