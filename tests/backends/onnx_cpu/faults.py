"""Faults planted in a copy of an exported graph: each is an engine that does other work than the graph says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

TYPES = {TensorProto.FLOAT: np.float32, TensorProto.UINT8: np.uint8}


class Copy:
    """A copy of a graph in ``folder``; arrays of its weights can be written to."""

    def __init__(self, graph: Path, folder: Path) -> None:
        shutil.copytree(graph.parent, folder)
        self.path = folder / graph.name
        self._model: Any = onnx.load(self.path, load_external_data=False)
        self.graph = self._model.graph
        self._tensors = {tensor.name: tensor for tensor in self.graph.initializer}

    def names(self, *parts: str) -> list[str]:
        """Return the weights whose names have all ``parts``."""
        return [name for name in self._tensors if all(part in name for part in parts)]

    def array(self, name: str) -> np.ndarray:
        """Return a weight, mapped from the file."""
        tensor = self._tensors[name]
        where = {entry.key: entry.value for entry in tensor.external_data}
        path = self.path.parent / where["location"]
        return np.memmap(path, TYPES[tensor.data_type], "r+", int(where.get("offset", 0)), tuple(tensor.dims))

    def save(self) -> Path:
        """Write the graph."""
        onnx.save(self._model, self.path)
        return self.path


def mixer(copy: Copy) -> list[str]:
    """Return the weights of layer 1 that end its mixer."""
    return copy.names("layers.1.attn.o_proj", "weight") or copy.names("layers.1.linear_attn.out_proj", "weight")


def skipped_layer(copy: Copy, prompt: int) -> None:
    """Layer 1 adds nothing to the residual."""
    for name in (*mixer(copy), *copy.names("layers.1.mlp.down_proj", "weight"),
                 *copy.names("layers.1.moe.experts.down_proj")):  # fmt: skip
        if name.endswith(("scales", "MatMul.weight")):
            copy.array(name)[:] = 0


def wrong_scale_column(copy: Copy, prompt: int) -> None:
    """One column of scales, a block of every output of one product, is taken from its neighbour twofold."""
    (name,) = (name for name in mixer(copy) if name.endswith("scales"))
    copy.array(name)[:, 0] *= 2


def layer_norm(copy: Copy, prompt: int) -> None:
    """Every norm of a whole hidden state subtracts the mean."""
    for node in copy.graph.node:
        if node.op_type == "SimplifiedLayerNormalization" and "layernorm" in node.name:
            node.op_type = "LayerNormalization"
        elif node.op_type == "SkipSimplifiedLayerNormalization":
            node.op_type = "SkipLayerNormalization"
            name = f"{node.input[2]}.none"
            width = copy.array(node.input[2]).shape[0]
            copy.graph.initializer.append(numpy_helper.from_array(np.zeros(width, np.float32), name))
            del node.input[3:]
            node.input.append(name)


def rotary_off_by_one(copy: Copy, prompt: int) -> None:
    """Generated tokens are one position too far."""
    for name in ("cos_cache", "sin_cache"):
        table = copy.array(name)
        table[prompt:-1] = table[prompt + 1 :].copy()


def dropped_bias(copy: Copy, prompt: int) -> None:
    """Queries, keys and values of layer 1 lose their bias."""
    (name,) = copy.names("layers.1.attn.qkv_proj", "bias")
    copy.array(name)[:] = 0


def swapped_experts(copy: Copy, prompt: int) -> None:
    """Half of the experts of layer 1 stand in each other's places."""
    for name in copy.names("layers.1.moe.experts"):
        experts = copy.array(name)
        experts[:] = np.roll(experts, experts.shape[0] // 2, axis=0).copy()


FAULTS: dict[str, Callable[[Copy, int], None]] = {
    fault.__name__: fault
    for fault in (skipped_layer, wrong_scale_column, layer_norm, rotary_off_by_one, dropped_bias, swapped_experts)
}


def applies(fault: str, spec: Any, precision: str) -> bool:
    """Return whether a model of ``spec`` can have the fault, and its limits must find it.

    In a hybrid one layer in four rotates, a quarter of each head: rounded activations cost as much as a position.
    """
    needs = {"dropped_bias": spec.architecture == "qwen2", "swapped_experts": bool(spec.experts),
             "wrong_scale_column": precision != "float32",
             "rotary_off_by_one": spec.delta is None or precision == "float32"}  # fmt: skip
    return needs.get(fault, True)
