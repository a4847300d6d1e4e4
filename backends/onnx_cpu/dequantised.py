"""The weights of an exported graph in float32, read back from the file that ONNX Runtime loads.

MatMulNBits and QMoE: a value is ``(stored - zero point) * scale``, a scale and zero point for each block of a row; four
bits are stored low half first, and without zero points ``2 ** (bits - 1)`` is zero (ONNX Runtime's contrib operators).
Initialisers that are not quantised are left to the model's own values: an export that spoils one is then wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch

from backends.common.errors import WorkerError
from backends.qwen.held import HEAD, Form, Held, HeldWeights
from backends.qwen.model import QUANTISATION_BLOCK, Model

FORMS = {"int8": Form(QUANTISATION_BLOCK, 0.02), "int4": Form(QUANTISATION_BLOCK, 0.3)}
"""A block of 32 whose largest value is ``m`` is rounded to steps of ``m / 128`` or ``m / 8``: half a step in every
value is 0.02 or 0.3 of the root mean square of a block, but for blocks of one large value among tiny ones."""

_PLAIN = {
    "attn.q_proj": "self_attn.q_proj", "attn.k_proj": "self_attn.k_proj", "attn.v_proj": "self_attn.v_proj",
    "attn.o_proj": "self_attn.o_proj", "linear_attn.qkv_proj": "linear_attn.in_proj_qkv",
    "linear_attn.z_proj": "linear_attn.in_proj_z", "linear_attn.out_proj": "linear_attn.out_proj",
    "mlp.gate_proj": "mlp.gate_proj", "mlp.up_proj": "mlp.up_proj", "mlp.down_proj": "mlp.down_proj",
}  # fmt: skip
"""The model's name of each product of a layer, by the builder's."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Quantised rows ``[rows, packed bytes]`` of ``depth`` values, and their ``scales`` ``[rows, blocks]``."""

    packed: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray | None
    bits: int
    block: int
    depth: int

    def values(self, first: int, count: int) -> np.ndarray:
        """Return float32 ``[count, depth]``."""
        part = slice(first, first + count)
        stored = self._unpacked(self.packed[part])
        scales = np.asarray(self.scales[part], np.float32)
        blocks = scales.shape[1]
        wide = np.zeros((count, blocks * self.block), np.float32)
        wide[:, : stored.shape[1]] = stored
        if self.zeros is None:
            zeros: Any = np.float32(1 << self.bits - 1)
        else:
            zeros = self._unpacked(self.zeros[part])[:, :blocks, None]
        scaled = (wide.reshape(count, blocks, self.block) - zeros) * scales[:, :, None]
        return np.ascontiguousarray(scaled.reshape(count, -1)[:, : self.depth], np.float32)

    def _unpacked(self, stored: np.ndarray) -> np.ndarray:
        stored = np.asarray(stored).reshape(stored.shape[0], -1)
        if self.bits == 8:
            return stored.astype(np.float32)
        halves = np.stack([stored & 15, stored >> 4], axis=-1)
        return halves.reshape(stored.shape[0], -1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows ``begin`` to ``begin + height`` of a product's weight: one of several joined matrices, or all of it."""

    blocks: Blocks
    begin: int
    height: int

    @property
    def shape(self) -> tuple[int, ...]:
        """``[out, in]``."""
        return self.height, self.blocks.depth

    def rows(self, first: int, count: int) -> torch.Tensor:
        """Return float32 ``[count, in]``."""
        return torch.from_numpy(self.blocks.values(self.begin + first, count))


@dataclass(frozen=True, slots=True)
class ExpertMatrices:
    """One projection of all experts; ``interleaved`` rows alternate between gate and up."""

    blocks: Blocks
    count: int
    height: int
    interleaved: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """``[experts, out, in]``."""
        return self.count, self.height, self.blocks.depth

    def rows(self, first: int, count: int) -> torch.Tensor:
        """Return float32 ``[count, out, in]``: gate above up."""
        values = torch.from_numpy(self.blocks.values(first * self.height, count * self.height))
        experts = values.view(count, self.height, -1)
        return torch.cat([experts[:, ::2], experts[:, 1::2]], dim=1) if self.interleaved else experts


def held_weights(model: Model, precision: str, graph: Path) -> HeldWeights:
    """Return the weights as the exported ``graph`` holds them.

    Raises:
        WorkerError: A quantised weight of the graph is none that the model is known to have.
    """
    held: dict[str, Held] = {}
    for node in onnx_ir.load(graph).graph:
        if node.op_type == "MatMulNBits":
            held.update(_matrices(model, node))
        elif node.op_type == "QMoE":
            held.update(_experts(model, node))
        elif node.op_type in ("GatherBlockQuantized", "DequantizeLinear"):
            raise WorkerError(f"{graph.name} holds {node.name} in a form that this version cannot read back")
    return HeldWeights(model, held, FORMS[precision])


def _matrices(model: Model, node: Any) -> Iterator[tuple[str, Held]]:
    """Yield the matrices that a product holds, by the model's names."""
    attributes = {name: value.value for name, value in node.attributes.items()}
    zeros = node.inputs[3] if len(node.inputs) > 3 else None
    blocks = Blocks(
        _array(node.inputs[1]), _array(node.inputs[2]).reshape(attributes["N"], -1),
        None if zeros is None else _array(zeros).reshape(attributes["N"], -1),
        attributes["bits"], attributes["block_size"], attributes["K"],
    )  # fmt: skip
    if node.name.startswith("/lm_head/"):
        yield HEAD, Matrix(blocks, 0, attributes["N"])
        return
    found = re.match(r"/model/layers\.(\d+)/(\w+)/(\w+)/MatMul", node.name)
    owner, leaf = found.group(2, 3) if found else ("", "")
    layer = int(found[1]) if found else 0
    prefix = f"{model.spec.family.language_prefix}layers.{layer}."
    if (owner, leaf) == ("attn", "qkv_proj"):
        shapes, begin = model.spec.tensor_shapes(), 0
        for part in "qkv":
            name = f"{prefix}self_attn.{part}_proj.weight"
            yield name, Matrix(blocks, begin, shapes[name][0])
            begin += shapes[name][0]
        return
    if f"{owner}.{leaf}" not in _PLAIN:
        raise WorkerError(f"the graph holds {node.name}, which is no weight of {model.spec.name} that is known")
    plain = _PLAIN[f"{owner}.{leaf}"]
    if owner == "mlp" and model.spec.experts and f"{prefix}{plain}.weight" not in model.spec.tensor_shapes():
        plain = plain.replace("mlp.", "mlp.shared_expert.")
    yield f"{prefix}{plain}.weight", Matrix(blocks, 0, attributes["N"])


def _experts(model: Model, node: Any) -> Iterator[tuple[str, Held]]:
    """Yield both projections of a layer's experts, by the model's names."""
    bits, block = (node.attributes[name].value for name in ("expert_weight_bits", "block_size"))
    arrays = {value.name: value for value in node.inputs if value is not None and value.const_value is not None}
    for name, value in arrays.items():
        if not name.endswith(".qweight"):
            continue
        stem, packed = name.removesuffix(".qweight"), _array(value)
        count, height, width = packed.shape
        scales = _array(arrays[f"{stem}.scales"]).reshape(count * height, -1)
        blocks = Blocks(packed.reshape(count * height, width), scales, None, bits, block, width * 8 // bits)
        found = re.match(r"model\.layers\.(\d+)\.moe\.experts\.(gate_up|down)_proj$", stem)
        if not found:
            raise WorkerError(f"the graph holds {name}, which is no weight of {model.spec.name} that is known")
        plain = f"{model.spec.family.language_prefix}layers.{found[1]}.mlp.experts.{found[2]}_proj"
        yield plain, ExpertMatrices(blocks, count, height, found[2] == "gate_up")


def _array(value: Any) -> np.ndarray:
    """Return an initialiser, mapped from its file."""
    array: np.ndarray = value.const_value.numpy()
    return array
