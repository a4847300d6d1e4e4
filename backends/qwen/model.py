"""A model: its dimensions, the sizes computed from them, and the origin of its weights."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import msgspec

Architecture = Literal["qwen2", "qwen3"]

BITS_PER_WEIGHT = {"float32": 32, "bfloat16": 16, "float16": 16, "float8": 8, "int8": 8, "int4": 4}
"""Storage of one weight in bits, without the scales that a quantised format adds."""

QUANTISATION_BLOCK = 32
"""Weights per float32 scale in the int8 and int4 weight-only formats used here."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The dimensions of a dense Qwen decoder; every size below is computed from them, never looked up."""

    name: str
    architecture: Architecture
    hidden_size: int
    intermediate_size: int
    layers: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    tied_embeddings: bool
    rope_theta: float
    rms_norm_eps: float
    max_positions: int
    hub_id: str | None = None

    @property
    def attention_width(self) -> int:
        """Columns of the query projection: heads x head_dim (not hidden_size: they differ in Qwen3)."""
        return self.attention_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Columns of the key projection, and of the value projection."""
        return self.kv_heads * self.head_dim

    @property
    def layer_matmul_parameters(self) -> int:
        """Elements of one layer's seven projection matrices."""
        attention = self.hidden_size * (2 * self.attention_width + 2 * self.kv_width)
        return attention + 3 * self.hidden_size * self.intermediate_size

    @property
    def layer_vector_parameters(self) -> int:
        """One layer's norms, plus the biases (qwen2) or the query and key norms (qwen3)."""
        own = self.attention_width + 2 * self.kv_width if self.architecture == "qwen2" else 2 * self.head_dim
        return 2 * self.hidden_size + own

    @property
    def embedding_parameters(self) -> int:
        """Elements of the token embedding; the output head has as many again unless it is tied."""
        return self.vocab_size * self.hidden_size

    @property
    def non_embedding_parameters(self) -> int:
        """Everything but the embedding and the output head: the count that Qwen's model cards print."""
        return self.layers * (self.layer_matmul_parameters + self.layer_vector_parameters) + self.hidden_size

    @property
    def parameters(self) -> int:
        """All distinct parameters; a tied output head is counted once."""
        heads = 1 if self.tied_embeddings else 2
        return self.non_embedding_parameters + heads * self.embedding_parameters

    @property
    def matmul_parameters(self) -> int:
        """Weights that every generated token multiplies with: all projections and the output head."""
        return self.layers * self.layer_matmul_parameters + self.embedding_parameters

    def weight_bytes(self, precision: str) -> int:
        """Return the bytes of all distinct weights; quantised formats keep embedding and norms in float32.

        A quantised matrix adds one float32 scale per block of :data:`QUANTISATION_BLOCK` weights.
        """
        if precision in ("int8", "int4"):
            quantised = self.matmul_parameters
            scales = quantised // QUANTISATION_BLOCK * 4
            vectors = self.layers * self.layer_vector_parameters + self.hidden_size
            return quantised * BITS_PER_WEIGHT[precision] // 8 + scales + 4 * (vectors + self.embedding_parameters)
        return self.parameters * BITS_PER_WEIGHT[precision] // 8

    def decode_weight_bytes(self, precision: str) -> int:
        """Return the weight bytes that one decode step reads: projections, head and vectors; of the embedding one row.

        This is the numerator of MBU (with the KV cache, :meth:`kv_bytes_per_token`).
        """
        vectors = self.layers * self.layer_vector_parameters + self.hidden_size
        if precision in ("int8", "int4"):
            quantised = self.matmul_parameters
            scales = quantised // QUANTISATION_BLOCK * 4
            return quantised * BITS_PER_WEIGHT[precision] // 8 + scales + 4 * vectors
        return (self.matmul_parameters + vectors) * BITS_PER_WEIGHT[precision] // 8

    def kv_bytes_per_token(self, cache_precision: str) -> int:
        """Return the bytes one token adds to the KV cache over all layers (keys and values)."""
        return 2 * self.layers * self.kv_width * BITS_PER_WEIGHT[cache_precision] // 8

    def decode_flops(self, context_tokens: int) -> int:
        """Return the FLOPs of one token that attends to ``context_tokens`` (itself included).

        Two per multiply-add; projections and head, plus scores and weighted sum of attention. Norms, softmax and
        rotary embedding are left out (under 0.5 %).
        """
        attention = 4 * self.layers * self.attention_width * context_tokens
        return 2 * self.matmul_parameters + attention

    def prefill_flops(self, prompt_tokens: int) -> int:
        """Return the FLOPs of a prefill with logits of the last token only; attention is counted causally."""
        projections = 2 * self.layers * self.layer_matmul_parameters * prompt_tokens
        attention = 4 * self.layers * self.attention_width * (prompt_tokens * (prompt_tokens + 1) // 2)
        return projections + attention + 2 * self.embedding_parameters

    def with_layers(self, layers: int) -> ModelSpec:
        """Return the model cut to ``layers`` decoder layers; its name says so."""
        if layers == self.layers:
            return self
        return replace(self, layers=layers, name=f"{self.name}-{layers}layers")

    def config_dict(self) -> dict[str, Any]:
        """Return the model's ``config.json``, as transformers' Qwen classes read it."""
        config: dict[str, Any] = {
            "model_type": self.architecture,
            "architectures": ["Qwen3ForCausalLM" if self.architecture == "qwen3" else "Qwen2ForCausalLM"],
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.attention_heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "vocab_size": self.vocab_size,
            "tie_word_embeddings": self.tied_embeddings,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "rms_norm_eps": self.rms_norm_eps,
            "max_position_embeddings": self.max_positions,
            "hidden_act": "silu",
            "use_sliding_window": False,
            "bos_token_id": None,
            "eos_token_id": None,
            "pad_token_id": None,
        }
        if self.architecture == "qwen3":
            config["attention_bias"] = False
        return config

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its Hugging Face name, in the order of the checkpoint."""
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocab_size, self.hidden_size)}
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}."
            for part, rows in (("q", self.attention_width), ("k", self.kv_width), ("v", self.kv_width)):
                shapes[f"{prefix}self_attn.{part}_proj.weight"] = (rows, self.hidden_size)
                if self.architecture == "qwen2":
                    shapes[f"{prefix}self_attn.{part}_proj.bias"] = (rows,)
            shapes[f"{prefix}self_attn.o_proj.weight"] = (self.hidden_size, self.attention_width)
            if self.architecture == "qwen3":
                shapes[f"{prefix}self_attn.q_norm.weight"] = (self.head_dim,)
                shapes[f"{prefix}self_attn.k_norm.weight"] = (self.head_dim,)
            shapes[f"{prefix}mlp.gate_proj.weight"] = (self.intermediate_size, self.hidden_size)
            shapes[f"{prefix}mlp.up_proj.weight"] = (self.intermediate_size, self.hidden_size)
            shapes[f"{prefix}mlp.down_proj.weight"] = (self.hidden_size, self.intermediate_size)
            shapes[f"{prefix}input_layernorm.weight"] = (self.hidden_size,)
            shapes[f"{prefix}post_attention_layernorm.weight"] = (self.hidden_size,)
        shapes["model.norm.weight"] = (self.hidden_size,)
        if not self.tied_embeddings:
            shapes["lm_head.weight"] = (self.vocab_size, self.hidden_size)
        return shapes

    def digest(self) -> str:
        """Return the SHA-256 of the dimensions alone, without names."""
        dimensions = {key: value for key, value in asdict(self).items() if key not in ("name", "hub_id")}
        return hashlib.sha256(msgspec.json.encode(dimensions, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True)
class Model:
    """A spec together with the origin of its weights; ``digest`` identifies both.

    ``checkpoint`` is the folder of a local Hugging Face checkpoint; without it the weights are synthetic, from
    ``seed``.
    """

    spec: ModelSpec
    digest: str
    checkpoint: str | None = None
    seed: int = 0

    @property
    def weights_kind(self) -> Literal["synthetic", "checkpoint"]:
        """Where the values come from."""
        return "checkpoint" if self.checkpoint else "synthetic"
