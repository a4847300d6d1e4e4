"""One weight at a time, as a float32 array: synthetic, or from a checkpoint. Imported in workers only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backends.qwen.checkpoint import weight_files
from backends.qwen.model import Model


def weight_reader(model: Model) -> Callable[[str], np.ndarray]:
    """A function from a checkpoint's tensor name to its float32 array (matrices are ``[out, in]``)."""
    if model.checkpoint is None:
        return lambda name: _synthetic(model, name)
    from safetensors import safe_open

    handles: dict[str, Any] = {}
    for path in weight_files(Path(model.checkpoint)):
        handle = safe_open(path, framework="pt")
        handles |= dict.fromkeys(handle.keys(), handle)
    return lambda name: handles[name].get_tensor(name).float().numpy()


def _synthetic(model: Model, name: str) -> np.ndarray:
    import torch

    from backends.qwen.synthetic import fill

    tensor = torch.empty(model.spec.tensor_shapes()[name], dtype=torch.float32)
    fill(tensor, model.spec, name, model.seed)
    array: np.ndarray = tensor.numpy()
    return array
