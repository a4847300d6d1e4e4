"""Qwen in PyTorch: transformers' own classes with synthetic or checkpoint weights. Imported in workers only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicLayer
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen3 import Qwen3Config, Qwen3ForCausalLM

from backends.qwen.model import Model
from backends.qwen.weights import weight_writer

CLASSES = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}


def build_qwen(model: Model, precision: str, progress: Callable[[str], None], device: str = "cpu") -> nn.Module:
    """Return a ``Qwen2ForCausalLM`` or ``Qwen3ForCausalLM`` with its weights on ``device`` in ``precision``.

    Every weight is copied, see :func:`backends.qwen.weights.weight_writer`.
    """
    dtype: torch.dtype = getattr(torch, precision)
    config_class, network_class = CLASSES[model.spec.architecture]
    config = config_class(**model.spec.config_dict(), dtype=dtype, attn_implementation="sdpa")
    with torch.device("meta"):
        network = network_class(config)
    shapes = model.spec.tensor_shapes()
    every = max(1, len(shapes) // 10)
    write = weight_writer(model)
    for number, (name, shape) in enumerate(shapes.items()):
        if number % every == 0:
            progress(f"weights {100 * number // len(shapes)} %")
        tensor = torch.empty(shape, dtype=dtype, device=device)
        write(name, tensor)
        owner, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
    if model.spec.tied_embeddings:
        network.lm_head.weight = network.model.embed_tokens.weight
    network.model.rotary_emb = type(network.model.rotary_emb)(config).to(device)
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


def preallocated_cache(layers: int, capacity: int) -> Cache:
    """Return a KV cache of ``capacity`` tokens a sequence."""
    return Cache(layers=[PreallocatedLayer(capacity) for _ in range(layers)])
