"""A model's weights, a tensor or some rows of it at a time: synthetic, or from a checkpoint. Reading needs PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.common.errors import InputError
from backends.qwen.checkpoint import contents_of
from backends.qwen.model import Model
from backends.qwen.stored import Piece, pieces
from backends.qwen.synthetic import fill

if TYPE_CHECKING:
    import numpy as np
    import torch


class Weights:
    """Writes weights by name into tensors of the caller; nothing is kept.

    A weight is always copied, and a checkpoint's file is open only while it is copied from: a memory-mapped checkpoint
    counts as memory of the process, and is read again from the disk whenever the kernel likes.
    """

    def __init__(self, model: Model) -> None:
        self.spec = model.spec
        self._model = model
        self._weights = {
            weight.name: weight for weight in (*model.spec.language_weights(), *model.spec.tower_weights())
        }
        self._contents = contents_of(Path(model.checkpoint)) if model.checkpoint else None
        self._names = self._contents.plain() if self._contents else {}

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a weight."""
        return self._weights[name].shape

    def head(self, name: str) -> str:
        """Return the name of the output head, which the network knows as ``name``."""
        return name

    def write(self, name: str, place: torch.Tensor, first: int = 0) -> None:
        """Write the rows ``first, first + 1, ...`` of a weight into ``place``, on any device, in any float type.

        ``place`` is contiguous, ``[rows, ...]``. A row of an expert tensor is one expert.
        """
        if self._model.checkpoint is None:
            self._fill(name, place, first)
        else:
            self._copy(name, place, first)

    def read(self, name: str, first: int = 0, rows: int | None = None, device: str = "cpu") -> torch.Tensor:
        """Return a weight in float32, or some rows of it."""
        import torch

        shape = self.shape(name)
        tensor = torch.empty((shape[0] if rows is None else rows, *shape[1:]), dtype=torch.float32, device=device)
        self.write(name, tensor, first)
        return tensor

    def gather(self, name: str, rows: Sequence[int]) -> torch.Tensor:
        """Return some rows of a matrix in float32, ``[len(rows), ...]``."""
        import torch

        place = torch.empty((len(rows), *self.shape(name)[1:]), dtype=torch.float32)
        if self._model.checkpoint is None:
            for at, row in enumerate(rows):
                self._fill(name, place[at : at + 1], row)
            return place
        with ExitStack() as opened:
            for piece in self._pieces(name):
                stored = self._slice(piece, opened)
                for at, row in enumerate(rows):
                    place[at].copy_(stored[row])
        return place

    def in_parts(self, name: str, elements: int) -> Iterator[torch.Tensor]:
        """Yield a weight in float32, so many whole rows at a time that a part has about ``elements``."""
        shape = self.shape(name)
        rows = max(1, elements // math.prod(shape[1:]))
        for first in range(0, shape[0], rows):
            yield self.read(name, first, min(rows, shape[0] - first))

    def _fill(self, name: str, place: torch.Tensor, first: int) -> None:
        start = first * math.prod(self.shape(name)[1:])
        ahead = start % 4
        if not ahead:
            fill(place, self.spec, name, self._model.seed, start)
            return
        around = place.new_empty(ahead + place.numel())
        fill(around, self.spec, name, self._model.seed, start - ahead)
        place.view(-1).copy_(around[ahead:])

    def _copy(self, name: str, place: torch.Tensor, first: int) -> None:
        last = first + place.shape[0]
        with ExitStack() as opened:
            for piece in self._pieces(name):
                if piece.expert is None:
                    _part(place, piece, first).copy_(self._slice(piece, opened)[first:last])
                elif first <= piece.expert < last:
                    _part(place, piece, first).copy_(self._slice(piece, opened)[:])

    def _pieces(self, name: str) -> tuple[Piece, ...]:
        found = pieces(self.spec, self._weights[name], self._names)
        if not found:  # of the language model none lacks: only a tower is not checked before
            raise InputError(
                f"{self._model.checkpoint} lacks {name}; without its vision tower it runs workloads of text only"
            )
        return found

    def _slice(self, piece: Piece, opened: ExitStack) -> Any:
        """Return a stored tensor that is read when it is indexed; ``opened`` closes its files."""
        assert self._contents is not None
        return self._contents.part(piece.name, opened)


def weight_writer(model: Model) -> Callable[[str, torch.Tensor], None]:
    """Return a function that writes the weight of a name into a tensor of its shape, on any device, in any float type.

    See :class:`Weights`.
    """
    return Weights(model).write


def weight_reader(model: Model) -> Callable[[str], np.ndarray]:
    """Return a function from the name of a weight to its float32 array; matrices are ``[out, in]``."""
    weights = Weights(model)

    def read(name: str) -> np.ndarray:
        array: np.ndarray = weights.read(name).numpy()
        return array

    return read


def _part(place: torch.Tensor, piece: Piece, first: int) -> torch.Tensor:
    part = place if piece.expert is None else place[piece.expert - first]
    return part if piece.rows is None else part[slice(*piece.rows)]
