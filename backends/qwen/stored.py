"""Where a checkpoint keeps a weight: transformers 5 merges and renames what older checkpoints store apart."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from backends.qwen.model import ModelSpec
from backends.qwen.parts import Weight
from backends.qwen.storage import Reason

_UNUSED: dict[Reason, re.Pattern[str]] = {
    "prediction_heads": re.compile(r"(^|\.)mtp\."),
    "tables": re.compile(r"rotary_emb\.inv_freq$"),
    "towers": re.compile(r"(^|\.)(visual|audio_tower|thinker\.visual)\."),
    "speech": re.compile(r"(^|\.)(talker|token2wav|code2wav)\."),
}
"""Tensors that no text model needs, by why."""


def unused_because(name: str) -> Reason | None:
    """Return why no text model needs the tensor; None if it does."""
    return next((reason for reason, names in _UNUSED.items() if names.search(name)), None)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored tensor, and which part of the weight it fills: ``rows`` of the expert ``expert``, or all of it."""

    name: str
    shape: tuple[int, ...]
    expert: int | None = None
    rows: tuple[int, int] | None = None


def pieces(spec: ModelSpec, weight: Weight, stored: Collection[str]) -> tuple[Piece, ...]:
    """Return the tensors that ``weight`` is read from; none if the checkpoint lacks it."""
    for name in _names(spec, weight.name):
        if name in stored:
            return (Piece(name, weight.shape),)
        if weight.role == "expert" and (found := _experts(name, weight.shape, stored)):
            return found
    return ()


def _names(spec: ModelSpec, name: str) -> tuple[str, ...]:
    """Return the names that checkpoints give the weight: those of transformers 5, of before, and inside omni models."""
    if not spec.family.nested:
        return (name,)
    if name.startswith(spec.family.language_prefix):
        rest = name.removeprefix(spec.family.language_prefix)
        return name, f"language_model.model.{rest}", f"model.{rest}", f"thinker.model.{rest}"
    rest = name.removeprefix("model.")
    return name, rest, f"language_model.{rest}", f"thinker.{rest}"


def _experts(name: str, shape: tuple[int, ...], stored: Collection[str]) -> tuple[Piece, ...]:
    """Return the pieces of a merged tensor from checkpoints that keep each expert's matrices apart."""
    stem, _, leaf = name.rpartition(".")
    count, rows, columns = shape
    parts = ("gate_proj", "up_proj") if leaf == "gate_up_proj" else (leaf,)
    height = rows // len(parts)
    found = tuple(
        Piece(f"{stem}.{expert}.{part}.weight", (height, columns), expert, (at * height, (at + 1) * height))
        for expert in range(count)
        for at, part in enumerate(parts)
    )
    return found if all(piece.name in stored for piece in found) else ()
