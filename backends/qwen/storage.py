"""How a checkpoint is stored, and what of it no part uses: recorded with the model, so nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["prediction_heads", "towers", "speech", "tables", "activation_scales", "zero_biases"]
"""Why tensors are left alone: heads of multi-token prediction, vision and audio towers, speech, tables that are
computed, scales of quantised activations or caches, biases that are all zero."""


@dataclass(frozen=True, slots=True)
class Unused:
    """How many stored tensors are left alone for one reason."""

    reason: Reason
    tensors: int


@dataclass(frozen=True, slots=True)
class Storage:
    """How weights are stored.

    ``form`` is the quantised format with its settings; empty for plain floats. ``quantised`` are the weights in it.
    ``unread_keys`` are keys of ``config.json`` that nothing reads, and that are not known to be without effect.
    """

    form: str = ""
    quantised: int = 0
    unused: tuple[Unused, ...] = ()
    unread_keys: tuple[str, ...] = ()
