"""A Qwen decoder in plain NumPy: float32, any batch, one KV cache that every run reuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backends.qwen.model import ModelSpec


class Decoder:
    """A model with its weights, and a KV cache of ``capacity`` tokens a sequence."""

    def __init__(self, spec: ModelSpec, read: Callable[[str], np.ndarray], batch: int, capacity: int) -> None:
        self._spec = spec
        self._weights = {name: read(name) for name in spec.tensor_shapes()}
        self._head = "model.embed_tokens.weight" if spec.tied_embeddings else "lm_head.weight"
        self._cache = np.zeros((spec.layers, 2, batch, spec.kv_heads, capacity, spec.head_dim), np.float32)
        angles = np.outer(np.arange(capacity), spec.rope_theta ** -(np.arange(0, spec.head_dim, 2) / spec.head_dim))
        self._cos, self._sin = (np.tile(part, 2).astype(np.float32) for part in (np.cos(angles), np.sin(angles)))
        self._length = 0

    def start(self, prompt_ids: np.ndarray) -> np.ndarray:
        """Forget the last run and prefill ``[batch, tokens]``; return logits of the last token, ``[batch, vocab]``."""
        self._length = 0
        return self.step(prompt_ids)

    def step(self, token_ids: np.ndarray) -> np.ndarray:
        """Append ``[batch, tokens]`` to the sequences; return logits of the last token, ``[batch, vocab]``."""
        hidden = self._weights["model.embed_tokens.weight"][token_ids]
        for layer in range(self._spec.layers):
            prefix = f"model.layers.{layer}."
            hidden = hidden + self._attention(layer, self._norm(hidden, f"{prefix}input_layernorm"))
            hidden = hidden + self._mlp(prefix, self._norm(hidden, f"{prefix}post_attention_layernorm"))
        self._length += token_ids.shape[1]
        return self._norm(hidden[:, -1], "model.norm") @ self._weights[self._head].T

    def _norm(self, values: np.ndarray, name: str) -> np.ndarray:
        scale = np.sqrt(np.mean(values * values, axis=-1, keepdims=True) + np.float32(self._spec.rms_norm_eps))
        return values / scale * self._weights[f"{name}.weight"]

    def _linear(self, values: np.ndarray, name: str) -> np.ndarray:
        product = values @ self._weights[f"{name}.weight"].T
        bias = self._weights.get(f"{name}.bias")
        return product if bias is None else product + bias

    def _mlp(self, prefix: str, values: np.ndarray) -> np.ndarray:
        gate = self._linear(values, f"{prefix}mlp.gate_proj")
        return self._linear(
            gate / (1 + np.exp(-gate)) * self._linear(values, f"{prefix}mlp.up_proj"), f"{prefix}mlp.down_proj"
        )

    def _heads(self, values: np.ndarray, prefix: str, part: str, count: int) -> np.ndarray:
        """Project to ``[batch, heads, tokens, head_dim]``; queries and keys are normed (Qwen3) and rotated."""
        batch, tokens, _ = values.shape
        heads = self._linear(values, f"{prefix}{part}_proj").reshape(batch, tokens, count, self._spec.head_dim)
        if part != "v":
            if self._spec.architecture == "qwen3":
                heads = self._norm(heads, f"{prefix}{part}_norm")
            here = slice(self._length, self._length + tokens)
            first, second = np.split(heads, 2, axis=-1)
            turned = np.concatenate((-second, first), axis=-1)
            heads = heads * self._cos[here, None] + turned * self._sin[here, None]
        return heads.transpose(0, 2, 1, 3)

    def _attention(self, layer: int, values: np.ndarray) -> np.ndarray:
        spec, prefix = self._spec, f"model.layers.{layer}.self_attn."
        batch, tokens, _ = values.shape
        end = self._length + tokens
        queries = self._heads(values, prefix, "q", spec.attention_heads)
        keys, values_kept = self._cache[layer]
        keys[:, :, self._length : end] = self._heads(values, prefix, "k", spec.kv_heads)
        values_kept[:, :, self._length : end] = self._heads(values, prefix, "v", spec.kv_heads)
        # Every key head serves a group of query heads.
        grouped = queries.reshape(batch, spec.kv_heads, -1, tokens, spec.head_dim)
        scores = grouped @ keys[:, :, None, :end].swapaxes(-1, -2) / np.sqrt(np.float32(spec.head_dim))
        future = np.arange(end) > np.arange(self._length, end)[:, None]
        scores = np.where(future, np.float32(-np.inf), scores)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ values_kept[:, :, None, :end]).reshape(batch, spec.attention_heads, tokens, spec.head_dim)
        return self._linear(mixed.transpose(0, 2, 1, 3).reshape(batch, tokens, -1), f"{prefix}o_proj")
