"""The float32 reference: plain transformers, without any of this project's execution code.

It uses no packed layers and no preallocated cache, so that a bug in the execution paths cannot hide in the reference.
It runs on the host's processor; for a model too large for the host it may run on an accelerator, in the same float32
arithmetic, and the record says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from backends.qwen.images import Image
from backends.qwen.model import Model
from backends.qwen.routers import Recorder
from backends.qwen.routing import sparse_layers
from backends.qwen.streamed import streamed_qwen
from backends.qwen.torch_images import image_arguments
from backends.qwen.torch_model import build_qwen
from backends.qwen.weights import Weights
from backends.qwen.weights_digest import WeightsDigest

KEEP_ALL = 1 << 62
"""More bytes than any model has."""

PART_ELEMENTS = 1 << 20
"""Weights that are summed at a time."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Greedy ``tokens`` int64 ``[batch, output_tokens]``, and ``logits`` float32 ``[batch, positions, vocab_size]``.

    ``weights_digest`` identifies the values (see :mod:`backends.qwen.weights_digest`). ``routing`` are the experts that
    every token fed chose, int32 ``[sparse layers, batch, tokens, choices]``; None without experts.
    """

    tokens: np.ndarray
    logits: np.ndarray
    weights_digest: str
    routing: np.ndarray | None = None


def compute_reference(
    model: Model,
    prompt_ids: Sequence[Sequence[int]],
    output_tokens: int,
    positions: Sequence[int],
    threads: int,
    progress: Callable[[str], None],
    device: str = "cpu",
    image: Image | None = None,
    keep_bytes: int = KEEP_ALL,
    forced_ids: np.ndarray | None = None,
    weights: Weights | None = None,
) -> Reference:
    """Decode ``[batch, prompt_tokens]`` greedily and keep the logits of ``positions``.

    ``image`` is the picture in every prompt; a model with its tower stays in memory whole.
    ``keep_bytes`` of weights stay in memory from one token to the next; the others are made again for each, which
    changes no bit of the answer. ``forced_ids``, int64 ``[batch, output_tokens]``, are followed in place of the most
    likely tokens. For another ``device`` than the processor the caller imports the package that adds it to PyTorch.
    ``weights`` stand in for the model's own, without a picture only; such a reference has no digest of weights.
    """
    assert image is None or weights is None
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    if image is None:
        network = streamed_qwen(model, device, keep_bytes, weights)
    else:
        network = build_qwen(model, "float32", progress, device, images=True)
    recorder = Recorder(network, len(prompt_ids)) if sparse_layers(model.spec) else None
    prompt = torch.tensor(prompt_ids, dtype=torch.int64, device=device)
    wanted = set(positions)
    tokens: list[np.ndarray] = []
    scored: list[np.ndarray] = []
    cache = None
    step = prompt
    picture = image_arguments(model, image, prompt.shape[0], prompt.shape[1], device) if image else {}
    with torch.inference_mode():
        for position in range(output_tokens):
            out = network(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1, **picture)
            cache, picture = out.past_key_values, {}
            logits = out.logits[:, -1].float()
            if position in wanted:
                scored.append(logits.cpu().numpy().copy())
            chosen = logits.argmax(-1) if forced_ids is None else torch.from_numpy(forced_ids[:, position]).to(device)
            tokens.append(chosen.cpu().numpy().copy())
            step = chosen[:, None]
            progress(f"token {position + 1} of {output_tokens}")
    routing = recorder.chosen() if recorder else None
    digest = _digest(model, progress) if weights is None else ""
    return Reference(np.stack(tokens, axis=1), np.stack(scored, axis=1), digest, routing)


def _digest(model: Model, progress: Callable[[str], None]) -> str:
    """Return the digest of the model's weights, made a part at a time."""
    weights, digest = Weights(model), WeightsDigest()
    names = list(model.spec.tensor_shapes())
    for number, name in enumerate(names):
        progress(f"digest of weights, {100 * number // len(names)} %")
        digest.add_parts(name, weights.in_parts(name, PART_ELEMENTS))
    return digest.hexdigest()
