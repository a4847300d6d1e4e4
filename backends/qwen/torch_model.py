"""Qwen in PyTorch: transformers' own classes with synthetic or checkpoint weights. Imported in workers only."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicIndexedLayer, DynamicLayer, LinearAttentionLayer

from backends.qwen.config import config_dict
from backends.qwen.families import Family
from backends.qwen.layers import Layer
from backends.qwen.mixers import DeltaNet
from backends.qwen.model import Model, ModelSpec
from backends.qwen.routers import Replay
from backends.qwen.weights import weight_writer

NGRAM_STATES = 3
"""States of a layer with n-grams in transformers' cache: two convolutions, and the last token ids."""


def network_classes(family: Family) -> tuple[type[Any], type[Any]]:
    """Return the configuration and the network class of transformers."""
    package = f"transformers.models.{family.module}"
    configuration = import_module(f"{package}.configuration_{family.module}")
    modeling = import_module(f"{package}.modeling_{family.module}")
    return getattr(configuration, family.config), getattr(modeling, family.network)


def empty_qwen(spec: ModelSpec, dtype: torch.dtype = torch.float32, **options: Any) -> nn.Module:
    """Return transformers' network, every parameter on the meta device and every buffer on the processor."""
    config_class, network_class = network_classes(spec.family)
    fields = {key: value for key, value in config_dict(spec).items() if key != "model_type"}
    config = config_class(**fields, dtype=dtype, **options)
    with torch.device("meta"):
        network: nn.Module = network_class(config)
    initialise: Any = network._init_weights
    for module in network.modules():
        held = [name for name, buffer in module.named_buffers(recurse=False) if buffer.is_meta]
        for name in held:
            setattr(module, name, torch.empty_like(getattr(module, name), device="cpu"))
        if held:
            initialise(module)
    return network


def build_qwen(
    model: Model, precision: str, progress: Callable[[str], None], device: str = "cpu", *, images: bool = False
) -> nn.Module:
    """Return transformers' network with its weights on ``device`` in ``precision``.

    The towers of a multimodal model stay empty unless ``images``: a text prompt never runs them. Every weight is
    copied, see :func:`backends.qwen.weights.weight_writer`. Routers choose as ``model.routing`` says, if it is given.
    """
    dtype: torch.dtype = getattr(torch, precision)
    spec = model.spec
    network = empty_qwen(spec, dtype, attn_implementation="sdpa")
    shapes = spec.tensor_shapes()
    if images:
        shapes |= {weight.name: weight.shape for weight in spec.tower_weights() if ".visual." in weight.name}
    every = max(1, len(shapes) // 10)
    write = weight_writer(model)
    for number, (name, shape) in enumerate(shapes.items()):
        if number % every == 0:
            progress(f"weights {100 * number // len(shapes)} %")
        tensor = torch.empty(shape, dtype=dtype, device=device)
        write(name, tensor)
        owner, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
    if spec.tied_embeddings:
        embedding = network.get_submodule(f"{spec.family.language_prefix}embed_tokens")
        network.get_submodule("lm_head").weight = embedding.weight
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(device))
    if model.routing:
        Replay(network, model)
    return network.eval()


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
        """Return the number of tokens held."""
        return self._length

    def get_max_length(self) -> int:
        """Return the number of tokens that fit."""
        return self._capacity

    def reset(self) -> None:
        """Forget every token and keep the buffers."""
        self._length = 0


def preallocated_cache(spec: ModelSpec, capacity: int) -> Cache:
    """Return a cache of ``capacity`` tokens a sequence: buffers for attention, states for Gated DeltaNet."""
    return Cache(layers=[_cache_layer(layer, capacity) for layer in spec.all_layers()])


def _cache_layer(layer: Layer, capacity: int) -> Any:
    if isinstance(layer.mixer, DeltaNet):
        return LinearAttentionLayer(number_of_states=NGRAM_STATES if layer.ngrams else 1)
    return DynamicIndexedLayer() if layer.mixer.indexer else PreallocatedLayer(capacity)
