"""Which part of a model a node of its portable graph belongs to, by the node's name."""

from __future__ import annotations

from typing import Literal, get_args

Part = Literal["embedding", "attention", "deltanet", "dense", "router", "experts", "shared_expert", "norms", "head"]
"""What a model is made of, as a reader calls it. ``dense`` is a SwiGLU block; residual sums count as ``norms``."""

PARTS: tuple[Part, ...] = get_args(Part)
"""In the order of a step."""

_SCOPES: dict[str, Part] = {
    "self_attn": "attention",
    "linear_attn": "deltanet",
    "mlp/gate": "router",
    "mlp/experts": "experts",
    "mlp/shared_expert": "shared_expert",
    "mlp": "dense",
    "embed_tokens": "embedding",
    "lm_head": "head",
}
"""The first of these in a node's name decides; a norm has none."""


def part_of(name: str) -> Part:
    """Return the part of the node called ``name`` (``/model/layers.3/mlp/gate/MatMul``)."""
    padded = f"{name}/"
    return next((part for scope, part in _SCOPES.items() if f"/{scope}/" in padded), "norms")
