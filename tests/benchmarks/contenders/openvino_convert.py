"""Qwen as an OpenVINO model, from weights in memory: the steps that ``optimum-cli export openvino`` takes.

``optimum-intel`` itself cannot be used: its releases ask for an older ``transformers`` than this project runs. The
stateful form (cache variables behind ``beam_idx``) is the one that OpenVINO's CPU plug-in and OpenVINO GenAI optimise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicLayer

from backends.contract.backend import Progress
from backends.qwen.model import Model, ModelSpec
from backends.qwen.torch_model import build_qwen

MODEL_FILE = "openvino_model.xml"
GROUP_SIZE = 32
"""Weights per scale in int4: the same block as ours."""

_EXAMPLE_PAST, _EXAMPLE_NEW = 3, 2


def convert(model: Model, precision: str, folder: Path, progress: Progress) -> None:
    """Write ``openvino_model.xml`` and ``.bin``: float32 as they are, int8 and int4 as NNCF's weight compression."""
    import openvino

    graph = _trace(model, progress)
    _name_ports(graph, model.spec)
    _make_stateful(graph, model.spec)
    if precision in ("int8", "int4"):
        import nncf

        progress("compressing weights")
        mode, group_size = nncf.CompressWeightsMode.INT8_SYM, None
        options: dict[str, Any] = {}
        if precision == "int4":
            mode, group_size = nncf.CompressWeightsMode.INT4_SYM, GROUP_SIZE
            options = {"ratio": 1.0, "all_layers": True}
        graph = nncf.compress_weights(graph, mode=mode, group_size=group_size, **options)
    progress("writing the model")
    openvino.save_model(graph, folder / MODEL_FILE, compress_to_fp16=False)


class _GrowingLayer(DynamicLayer):
    """A cache layer that concatenates: the form that the stateful transformation recognises."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new tokens."""
        self.keys = torch.cat([self.keys, key_states], dim=-2)
        self.values = torch.cat([self.values, value_states], dim=-2)
        return self.keys, self.values


class _Step(nn.Module):
    """One forward pass with the cache as plain inputs and outputs, and an explicit causal mask."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self._network = network

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, position_ids: torch.Tensor, *past: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        new, total = input_ids.shape[1], attention_mask.shape[1]
        columns = torch.arange(total)
        rows = columns[total - new :]
        visible = (columns[None, :] <= rows[:, None])[None, None] & attention_mask[:, None, None, :].bool()
        cache = Cache(layers=[_GrowingLayer(*pair) for pair in zip(past[::2], past[1::2], strict=True)])
        out = self._network(
            input_ids=input_ids,
            attention_mask={"full_attention": visible},
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        return (out.logits, *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def _trace(model: Model, progress: Progress) -> Any:
    import openvino

    spec = model.spec
    step = _Step(build_qwen(model, "float32", progress))
    total = _EXAMPLE_PAST + _EXAMPLE_NEW
    past = [torch.zeros(2, spec.kv_heads, _EXAMPLE_PAST, spec.head_dim) for _ in range(2 * spec.layers)]
    positions = torch.arange(_EXAMPLE_PAST, total)[None].repeat(2, 1)
    example = (torch.ones(2, _EXAMPLE_NEW, dtype=torch.int64), torch.ones(2, total, dtype=torch.int64), positions)
    progress("converting")
    with torch.no_grad():
        return openvino.convert_model(step, example_input=(*example, *past))


def _name_ports(graph: Any, spec: ModelSpec) -> None:
    """The names that OpenVINO GenAI looks for, and shapes with dynamic batch and length."""
    from openvino import PartialShape

    cache = [f"{layer}.{kind}" for layer in range(spec.layers) for kind in ("key", "value")]
    inputs = ["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{name}" for name in cache)]
    outputs = ["logits", *(f"present.{name}" for name in cache)]
    for port, name in zip(graph.inputs, inputs, strict=True):
        port.get_tensor().set_names({name})
        shape = [-1, spec.kv_heads, -1, spec.head_dim] if name.startswith("past") else [-1, -1]
        port.get_node().set_partial_shape(PartialShape(shape))
    for port, name in zip(graph.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})
    graph.validate_nodes_and_infer_types()


def _make_stateful(graph: Any, spec: ModelSpec) -> None:
    """Move the cache into variables, reordered through ``beam_idx`` and empty at first."""
    import openvino
    from openvino import opset13
    from openvino._offline_transformations import apply_make_stateful_transformation

    batch = graph.input("input_ids").get_partial_shape()[0]
    beam = opset13.parameter(openvino.PartialShape([batch]), openvino.Type.i32, name="beam_idx")
    beam.output(0).get_tensor().set_names({"beam_idx"})
    graph.add_parameters([beam])
    pairs = {
        port.get_any_name(): port.get_any_name().replace("past_key_values.", "present.")
        for port in graph.inputs
        if port.get_any_name().startswith("past_key_values.")
    }
    for name in pairs:
        port = graph.input(name)
        readers = port.get_target_inputs()
        gathered = opset13.gather(port, beam, opset13.constant(0))
        for reader in readers:
            reader.replace_source_output(gathered.output(0))
    graph.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(graph, pairs)
    _empty_states(graph, spec)


def _empty_states(graph: Any, spec: ModelSpec) -> None:
    """Every cache variable begins as zero tokens for the batch that comes in."""
    from openvino import opset13

    ids = graph.input("input_ids")
    batch = opset13.gather(opset13.shape_of(ids, output_type="i64"), opset13.constant([0]), opset13.constant(0))
    tail = [opset13.constant([size], dtype="int64") for size in (spec.kv_heads, 0, spec.head_dim)]
    shape = opset13.concat([batch, *tail], axis=0)
    for operation in graph.get_ops():
        if operation.get_type_name() == "ReadValue":
            zero = opset13.constant(0.0, dtype=operation.get_output_element_type(0).to_dtype())
            operation.set_arguments([opset13.broadcast(zero, shape).output(0)])
    graph.validate_nodes_and_infer_types()
