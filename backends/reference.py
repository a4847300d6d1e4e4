"""The float32 reference: plain transformers, nothing of ours between the weights and the logits.

No packed layers, no preallocated cache: an error in this project's own execution paths cannot hide in the reference.
"""

from __future__ import annotations

import numpy as np
import torch

from backends.contract import Progress
from backends.model import Model
from backends.qwen_torch import build_qwen
from backends.workload import Workload


def compute_reference(
    model: Model, workload: Workload, positions: tuple[int, ...], threads: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy tokens int64 ``[batch, output_tokens]`` and float32 logits ``[batch, len(positions), vocab_size]``."""
    torch.set_num_threads(threads)
    network = build_qwen(model, "float32", progress)
    prompt = torch.tensor(workload.prompt_ids, dtype=torch.int64)
    wanted = set(positions)
    tokens: list[np.ndarray] = []
    scored: list[np.ndarray] = []
    cache = None
    step = prompt
    with torch.inference_mode():
        for position in range(workload.output_tokens):
            out = network(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            logits = out.logits[:, -1].float()
            if position in wanted:
                scored.append(logits.numpy().copy())
            chosen = logits.argmax(-1)
            tokens.append(chosen.numpy().copy())
            step = chosen[:, None]
            progress(f"token {position + 1} of {workload.output_tokens}")
    return np.stack(tokens, axis=1), np.stack(scored, axis=1)
