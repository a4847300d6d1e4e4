"""A model's weights, one tensor at a time: synthetic, or from a checkpoint. Reading needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backends.common.errors import InputError
from backends.qwen.checkpoint import contents_of
from backends.qwen.model import Model
from backends.qwen.stored import pieces
from backends.qwen.synthetic import fill

if TYPE_CHECKING:
    import numpy as np
    import torch


def weight_writer(model: Model) -> Callable[[str, torch.Tensor], None]:
    """Return a function that writes the weight of a name into a tensor of its shape, on any device, in any float type.

    The weight is copied: a memory-mapped checkpoint is read again from the page cache or the disk whenever the kernel
    likes, and has made a CPU look five times slower than it is. Files stay open as long as the function is held.
    """
    if model.checkpoint is None:
        return lambda name, place: fill(place, model.spec, name, model.seed)
    contents = contents_of(Path(model.checkpoint))
    names, read = contents.plain(), contents.reader()
    weights = {weight.name: weight for weight in (*model.spec.language_weights(), *model.spec.tower_weights())}

    def write(name: str, place: torch.Tensor) -> None:
        found = pieces(model.spec, weights[name], names)
        if not found:  # of the language model none lacks: only a tower is not checked before
            raise InputError(
                f"{model.checkpoint} lacks {name}; without its vision tower it runs workloads of text only"
            )
        for piece in found:
            part = place if piece.expert is None else place[piece.expert]
            part = part if piece.rows is None else part[slice(*piece.rows)]
            part.copy_(read(piece.name))

    return write


def weight_reader(model: Model) -> Callable[[str], np.ndarray]:
    """Return a function from the name of a weight to its float32 array; matrices are ``[out, in]``."""
    write, shapes = weight_writer(model), model.spec.tensor_shapes()

    def read(name: str) -> np.ndarray:
        import torch

        tensor = torch.empty(shapes[name], dtype=torch.float32)
        write(name, tensor)
        array: np.ndarray = tensor.numpy()
        return array

    return read
