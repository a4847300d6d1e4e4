"""A model's weights as an engine holds them: quantised ones in place of the model's values, the others as they are.

A reference that computes with them in float32 shows what an engine's arithmetic does to the answer; what rounding the
weights did is in both. Whether the values themselves are right is a question to the model's own: see
:meth:`HeldWeights.error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from backends.qwen.model import Model
from backends.qwen.weights import Weights

if TYPE_CHECKING:
    import torch

PART_ELEMENTS = 1 << 21
"""Values that are dequantised at a time."""

HEAD = "lm_head.weight"


class Held(Protocol):
    """A weight that the engine holds in another form than float32: its shape, and its float32 values by rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the weight; a row of an expert tensor is one expert."""

    def rows(self, first: int, count: int) -> torch.Tensor:
        """Return the float32 values of ``count`` rows from ``first``, ``[count, ...]``."""


@dataclass(frozen=True, slots=True)
class Form:
    """A quantised format: ``grain`` values of a row share a scale (0: all of them).

    ``error_max`` is the largest error that rounding leaves in a grain, as root mean square relative to the values'.
    """

    grain: int
    error_max: float


class HeldWeights(Weights):
    """Weights of which those in ``held``, by name, have the engine's values.

    Of tied weights an engine may hold the head in another form than the embedding: it is then in ``held`` by its own
    name.
    """

    def __init__(self, model: Model, held: Mapping[str, Held], form: Form) -> None:
        super().__init__(model)
        self._model_weights = Weights(model)
        self._held, self.form = held, form
        self._tied_head = f"{model.spec.family.language_prefix}embed_tokens.weight"

    def head(self, name: str) -> str:
        """Return the name of the output head: its own where it is held apart from the embedding."""
        return HEAD if HEAD in self._held else name

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a weight."""
        return self._held[name].shape if name in self._held else super().shape(name)

    def write(self, name: str, place: torch.Tensor, first: int = 0) -> None:
        """Write rows of a weight into ``place``, see :meth:`Weights.write`."""
        if name not in self._held:
            super().write(name, place, first)
            return
        step = max(1, PART_ELEMENTS // max(1, place[0].numel()))
        for at in range(0, place.shape[0], step):
            count = min(step, place.shape[0] - at)
            place[at : at + count].copy_(self._held[name].rows(first + at, count))

    def error(self) -> float:
        """Return the error of the worst grain of all held weights against the model's.

        It is the root mean square of the differences relative to that of the model's values. Infinite if a grain of
        zeros is held as something else, or any value is not finite.
        """
        return max((self._error(name) for name in self._held), default=0.0)

    def _error(self, name: str) -> float:
        import torch

        held = self._held[name]
        true = name if name in self._weights else self._tied_head
        worst, rows = 0.0, held.shape[0]
        step = max(1, PART_ELEMENTS // max(1, held.rows(0, 1).numel()))
        for first in range(0, rows, step):
            count = min(step, rows - first)
            wanted = self._grains(self._model_weights.read(true, first, count))
            off = (self._grains(held.rows(first, count)) - wanted).square().sum(-1)
            size = wanted.square().sum(-1)
            ratio = torch.where((off == 0) & (size == 0), 0.0, off / size).nan_to_num(nan=torch.inf)
            worst = max(worst, float(ratio.max()))
        return float(worst**0.5)

    def _grains(self, values: torch.Tensor) -> torch.Tensor:
        """Return ``[..., grains, grain]``; the last grain of a row is filled with zeros."""
        import torch

        grain, width = self.form.grain or values.shape[-1], values.shape[-1]
        padded = torch.nn.functional.pad(values, (0, -width % grain))
        return padded.unflatten(-1, (-1, grain))
