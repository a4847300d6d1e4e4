"""Qwen in PyTorch: transformers' own classes with synthetic or checkpoint weights. Imported in workers only."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from transformers.cache_utils import Cache, DynamicIndexedLayer, DynamicLayer, LinearAttentionLayer

from backends.contract.backend import Progress
from backends.qwen.checkpoint import weight_files
from backends.qwen.config import config_dict
from backends.qwen.families import Family
from backends.qwen.layers import Layer
from backends.qwen.mixers import DeltaNet
from backends.qwen.model import Model, ModelSpec
from backends.qwen.synthetic import fill

NGRAM_STATES = 3
"""States of a layer with n-grams in transformers' cache: two convolutions, and the last token ids."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def network_classes(family: Family) -> tuple[type[Any], type[Any]]:
    """The configuration and the network class of transformers."""
    package = f"transformers.models.{family.module}"
    configuration = import_module(f"{package}.configuration_{family.module}")
    modeling = import_module(f"{package}.modeling_{family.module}")
    return getattr(configuration, family.config), getattr(modeling, family.network)


def empty_qwen(spec: ModelSpec, dtype: torch.dtype = torch.float32, **options: Any) -> nn.Module:
    """Transformers' network of ``spec``, every parameter on the meta device and every buffer on the processor."""
    config_class, network_class = network_classes(spec.family)
    fields = {key: value for key, value in config_dict(spec).items() if key not in ("model_type", "architectures")}
    config = config_class(**fields, dtype=dtype, **options)
    with torch.device("meta"):
        network = network_class(config)
    for module in network.modules():
        held = [name for name, buffer in module.named_buffers(recurse=False) if buffer.is_meta]
        for name in held:
            setattr(module, name, torch.empty_like(getattr(module, name), device="cpu"))
        if held:
            network._init_weights(module)
    return network


def build_qwen(
    model: Model, precision: str, progress: Progress, device: str = "cpu", *, images: bool = False
) -> nn.Module:
    """Transformers' network of ``model`` with its weights resident on ``device`` in ``precision``.

    The towers of a multimodal model stay empty unless ``images``: a text prompt never runs them. On the CPU every
    weight is copied into anonymous memory: a memory-mapped checkpoint is read again from the page cache or the disk
    whenever the kernel likes, and has made a CPU look five times slower than it is.
    """
    dtype = DTYPES[precision]
    spec = model.spec
    network = empty_qwen(spec, dtype, attn_implementation="sdpa")
    wanted = {weight.name: weight.shape for weight in spec.language_weights()}
    if images:
        wanted |= {weight.name: weight.shape for weight in spec.tower_weights() if ".visual." in weight.name}
    every = max(1, len(wanted) // 10)
    for number, (name, tensor) in enumerate(_weights(model, wanted, dtype, device)):
        if number % every == 0:
            progress(f"weights {100 * number // len(wanted)} %")
        owner, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
    if spec.tied_embeddings:
        network.get_submodule("lm_head").weight = network.get_submodule(
            f"{spec.family.language_prefix}embed_tokens"
        ).weight  # type: ignore[assignment]
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(device))
    return network.eval()


def _weights(
    model: Model, shapes: dict[str, tuple[int, ...]], dtype: torch.dtype, device: str
) -> Iterator[tuple[str, torch.Tensor]]:
    if not model.checkpoint:
        for name, shape in shapes.items():
            tensor = torch.empty(shape, dtype=dtype, device=device)
            fill(tensor, model.spec, name, model.seed)
            yield name, tensor
        return
    for path in weight_files(Path(model.checkpoint)):
        with safe_open(path, framework="pt") as handle:
            for name in handle.keys():
                if name in shapes:
                    yield name, handle.get_tensor(name).to(device=device, dtype=dtype, copy=True)


class PreallocatedLayer(DynamicLayer):
    """One layer's keys and values in buffers of fixed capacity: a decode step writes one row and copies nothing."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._length = 0
        self._keys_buffer = self._values_buffer = torch.empty(0)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate on first use, when the shape is known (keys ``[batch, kv_heads, tokens, head_dim]``)."""
        batch, heads, _, width = key_states.shape
        self._keys_buffer = key_states.new_zeros(batch, heads, self._capacity, width)
        self._values_buffer = value_states.new_zeros(batch, heads, self._capacity, width)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new tokens; return views of all tokens so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self._length + key_states.shape[-2]
        self._keys_buffer[:, :, self._length : end].copy_(key_states)
        self._values_buffer[:, :, self._length : end].copy_(value_states)
        self._length = end
        return self._keys_buffer[:, :, :end], self._values_buffer[:, :, :end]

    def get_seq_length(self) -> int:
        """Tokens held."""
        return self._length

    def get_max_length(self) -> int:
        """Tokens that fit."""
        return self._capacity

    def reset(self) -> None:
        """Forget every token and keep the buffers."""
        self._length = 0


def preallocated_cache(spec: ModelSpec, capacity: int) -> Cache:
    """A cache of ``capacity`` tokens a sequence: buffers for each attention layer, states for each Gated DeltaNet."""
    return Cache(layers=[_cache_layer(layer, capacity) for layer in spec.all_layers()])


def _cache_layer(layer: Layer, capacity: int) -> Any:
    if isinstance(layer.mixer, DeltaNet):
        return LinearAttentionLayer(number_of_states=NGRAM_STATES if layer.ngrams else 1)
    return DynamicIndexedLayer() if layer.mixer.indexer else PreallocatedLayer(capacity)
