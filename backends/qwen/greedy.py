"""Greedy decoding a token at a time, for every engine whose host chooses the tokens.

A step takes token ids ``[batch, n]`` and returns the logits of the last one, ``[batch, vocab_size]``, as NumPy's or
PyTorch's arrays: ``start`` for the prompt, ``step`` for what follows. NumPy is all it needs, so it runs in a vendor's
environment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Step = Callable[[Any], Any]

Generated = tuple[tuple[tuple[int, ...], ...], int, tuple[int, ...]]
"""The tokens of each sequence, and the host's clock in ns: at the start, and as each token was known."""


def _nothing(_tokens: int) -> None:
    pass


def generate(
    start: Step, step: Step, prompt_ids: Any, output_tokens: int, known: Callable[[int], None] = _nothing
) -> Generated:  # fmt: skip
    """Take the most likely token ``output_tokens`` times; ``known`` is called with the number of tokens after each."""
    token_ids: list[list[int]] = []
    token_ns: list[int] = []
    start_ns = time.perf_counter_ns()
    chosen = start(prompt_ids).argmax(-1)
    while True:
        token_ids.append(chosen.tolist())
        token_ns.append(time.perf_counter_ns())
        known(len(token_ns))
        if len(token_ns) == output_tokens:
            return tuple(zip(*token_ids, strict=True)), start_ns, tuple(token_ns)
        chosen = step(chosen[:, None]).argmax(-1)


def score(start: Step, step: Step, prompt_ids: Any, forced_ids: np.ndarray, positions: list[int]) -> np.ndarray:
    """Return teacher-forced logits at ``positions``: ``[batch, len(positions), vocab_size]``, of NumPy's steps."""
    import numpy as np

    wanted = set(positions)
    scored: list[np.ndarray] = []
    for position in range(max(positions) + 1):
        logits = step(forced_ids[:, position - 1 : position]) if position else start(prompt_ids)
        if position in wanted:
            scored.append(logits.copy())
    return np.stack(scored, axis=1)
