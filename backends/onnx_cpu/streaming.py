"""Writes a graph a layer at a time: a layer is made, quantised, written beside the graph, and dropped.

The builder of ``onnxruntime-genai`` keeps every float32 weight until it quantises and saves the whole graph. Here a
weight leaves memory as soon as the builder names it. The functions that quantise are the builder's and ONNX Runtime's,
so the graph and its weights are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx_ir
import torch

from backends.onnx_cpu.external_data import ExternalData
from backends.qwen.residence import Residence

PART_ELEMENTS = 1 << 21
"""Weights quantised at a time: their float32 values and the transposed copy stay in cache."""


def streaming_class(family: Any) -> Any:
    """Return ``family``, a class of the builder, as one that streams its weights into an :class:`ExternalData`."""

    class Streaming(family):  # type: ignore[misc]
        residence: Residence
        data: ExternalData
        threads: int
        progress: Callable[[str], None]

        def load_weights(self, input_path: str) -> Any:
            return self.residence.network

        def make_layer(self, layer_id: int, layer: Any) -> None:
            self.progress(f"layer {layer_id + 1} of {self.num_layers}")
            with self.residence.layer(layer_id):
                super().make_layer(layer_id, layer)

        def make_initializer(self, tensor: Any, /, name: str, *, to: Any = None, raw: bool = False) -> None:
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                parts = (part.numpy() for part in self.residence.parts(tensor, PART_ELEMENTS))
                self.register(name, to, tensor.shape, parts)
                return
            if isinstance(tensor, torch.Tensor):
                tensor = tensor.detach().contiguous()
            super().make_initializer(tensor, name, to=to, raw=raw)
            value = self.model.graph.initializers[name]
            kept = value.const_value
            value.const_value = self.data.add(name, kept.dtype, tuple(kept.shape), [kept.numpy()])

        def register(self, name: str, dtype: Any, shape: Any, parts: Iterator[np.ndarray]) -> None:
            """Write a tensor in parts and make it an initializer."""
            value = self.make_value(name, dtype, tuple(shape))
            value.const_value = self.data.add(name, dtype, tuple(shape), parts)
            self.model.graph.register_initializer(value)

        def make_matmul_float(self, matmul: Any, name: str, root_input: str, **options: Any) -> str:
            if self.onnx_dtype == self.io_dtype or name in self.quant_attrs["nodes_to_exclude"]:
                if matmul.weight.is_meta:
                    matmul = SimpleNamespace(weight=self.residence.whole(matmul.weight))
                made: str = super().make_matmul_float(matmul, name, root_input, **options)
                return made
            bits, block = self.quant_attrs["bits"], self.quant_attrs["matmul_block_size"]
            width, depth = matmul.weight.shape
            weight = name[1:].replace("/", ".") + ".weight"
            scales: list[np.ndarray] = []
            blocks = -(-depth // block)
            packed = _quantised(self.residence.parts(matmul.weight, PART_ELEMENTS), self.quant_attrs, scales)
            self.register(f"{weight}_Q{bits}", onnx_ir.DataType.UINT8, (width, blocks, block * bits // 8), packed)
            self.register(f"{weight}_scales", onnx_ir.DataType.FLOAT, (width, blocks), iter(scales))
            output = "logits" if options.get("logits") else f"{name}/output_0"
            self.make_node(
                "MatMulNBits",
                inputs=[root_input, f"{weight}_Q{bits}", f"{weight}_scales"],
                outputs=[output],
                name=f"{name}_Q{bits}",
                domain="com.microsoft",
                K=depth,
                N=width,
                accuracy_level=self.quant_attrs["accuracy_level"],
                bits=bits,
                block_size=block,
            )
            shape = self.make_hidden_state_shape(seq_dim=options.get("seq_dim", "sequence_length"), last_dim=width)
            self.make_value(output, self.io_dtype, shape=shape)
            return name

        def make_interleaved_swiglu_moe_preprocessing(self, layer_id: int, moe: Any) -> None:
            names, count = self.make_moe_expert_names(layer_id), self.moe_attrs["num_experts"]
            for key, number, weight in (("gate_up", 1, moe.experts.gate_up_proj), ("down", 2, moe.experts.down_proj)):
                self.make_experts(names, key, weight, self.moe_attrs.get(f"fc{number}_expert_weight_bits"))
            zeros = torch.zeros(count, 2 * self.moe_intermediate_size)
            self.make_initializer(zeros, names["gate_up_bias"], to=self.io_dtype)
            self.make_initializer(torch.zeros(count, self.hidden_size), names["down_bias"], to=self.io_dtype)

        def make_experts(self, names: dict[str, str], key: str, weight: Any, bits: int | None) -> None:
            """Write one projection of all experts, an expert at a time."""
            parts = (part[0] for part in self.residence.parts(weight, 1))
            experts = map(_interleaved, parts) if key == "gate_up" else parts
            if self.moe_attrs["op_type"] == "MoE":
                self.register(names[f"{key}_weight"], self.io_dtype, weight.shape, (one.numpy() for one in experts))
                return
            scales: list[torch.Tensor] = []

            def packed() -> Iterator[np.ndarray]:
                quantise = partial(self.make_qmoe_weights, bits=bits)
                for quantised, scale in _in_threads(quantise, experts, self.threads):
                    scales.append(scale)
                    yield quantised.to(torch.uint8).numpy()

            stored = int(bits if bits is not None else self.moe_attrs["expert_weight_bits"])
            count, rows, columns = weight.shape
            shape = (count, rows, columns * stored // 8)
            self.register(names[f"{key}_weight"], onnx_ir.DataType.UINT8, shape, packed())
            self.make_initializer(torch.stack(scales), names[f"{key}_scales"], to=self.io_dtype)

        def save_model(self, out_dir: str) -> None:
            self.data.close()
            self.model.graph.sort()
            self.stamp_build_metadata(self.model)
            onnx_ir.save(self.model, Path(out_dir) / self.filename)

    return Streaming


def _quantised(parts: Iterator[torch.Tensor], settings: Any, scales: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield packed blocks of rows ``[rows, depth]``, as ONNX Runtime quantises their transpose; collect the scales."""
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        DefaultWeightOnlyQuantizer,
    )

    quantiser = DefaultWeightOnlyQuantizer(
        DefaultWeightOnlyQuantConfig(
            block_size=settings["matmul_block_size"], is_symmetric=settings["is_symmetric"], bits=settings["bits"]
        )
    )
    for part in parts:
        packed, scale, _ = quantiser.qbits_block_quant(part.T.contiguous().numpy())
        scales.append(scale)
        yield packed


def _interleaved(expert: torch.Tensor) -> torch.Tensor:
    """Return ``[gate | up]`` rows as ``[g0, u0, g1, u1, ...]``."""
    half = expert.shape[0] // 2
    return torch.stack([expert[:half], expert[half:]], dim=1).reshape_as(expert)


def _in_threads(work: Callable[[Any], Any], items: Iterator[Any], threads: int) -> Iterator[Any]:
    """Yield ``work`` of each item in order; at most one item more than threads is in memory."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
