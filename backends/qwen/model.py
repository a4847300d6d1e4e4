"""What a model is: its dimensions, the parts they make, the sizes that follow, and where its weights come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import cache
from typing import Literal

import msgspec

from backends.qwen.audio import Audio
from backends.qwen.channels import Dense, Experts, uniform_distinct_experts
from backends.qwen.families import FAMILIES, Architecture, Family
from backends.qwen.layers import Layer, layer_weights
from backends.qwen.mixers import Attention, DeltaNet, Indexer
from backends.qwen.parts import Weight, elements, norm
from backends.qwen.rotary import Yarn
from backends.qwen.storage import Storage
from backends.qwen.streams import HyperConnections, NGrams
from backends.qwen.vision import Vision

BITS_PER_WEIGHT = {"float32": 32, "bfloat16": 16, "float16": 16, "float8": 8, "int8": 8, "int4": 4}
"""Storage of one weight in bits, without the scales that a quantised format adds."""

QUANTISATION_BLOCK = 32
"""Weights per float32 scale in the int8 and int4 weight-only formats used here."""

QUANTISED = ("int8", "int4")
"""Weight-only formats: they store :data:`QUANTISED_ROLES` quantised and the rest in float32."""

QUANTISED_ROLES = ("projection", "expert", "head")

ActiveReading = Literal["layers", "with_head", "with_embedding_and_head"]
"""What "active parameters" counts differs by model card: the layers; what a decode step multiplies with; both ends."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The dimensions of a Qwen model; every size below is computed from the parts they make, never looked up.

    ``architecture`` is the ``model_type``, a key of :data:`backends.qwen.families.FAMILIES`. Every ``full_every``-th
    layer is attention, the others Gated DeltaNet. Layers from ``window_from`` on attend to the last ``window`` tokens
    only. ``intermediate_size`` is 0 where every layer has experts. ``mrope`` are the rotary sections of time, height
    and width. Heads of multi-token prediction (``mtp_layers``) are named but not run, and no size counts them.
    """

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
    experts: Experts | None = None
    sparse_step: int = 1
    dense_layers: tuple[int, ...] = ()
    renormalised_routing: bool = True
    delta: DeltaNet | None = None
    full_every: int = 1
    rotary_fraction: float = 1.0
    mrope: tuple[int, ...] = ()
    yarn: Yarn | None = None
    window: int | None = None
    window_from: int = 0
    indexer: Indexer | None = None
    streams: HyperConnections | None = None
    ngrams: NGrams | None = None
    output_gate: str = "silu"
    vision: Vision | None = None
    audio: Audio | None = None
    mtp_layers: int = 0

    @property
    def family(self) -> Family:
        """What the architecture does to the parts."""
        return FAMILIES[self.architecture]

    @property
    def long_context(self) -> tuple[str, ...]:
        """What the model does about long contexts that not every path computes, in words."""
        window = f"a sliding window of {self.window} tokens" if self.window is not None else ""
        return tuple(filter(None, (window, f"YaRN, factor {self.yarn.factor:g}" if self.yarn else "")))

    @property
    def attention_width(self) -> int:
        """Columns of the query: heads x head_dim (not hidden_size: they differ since Qwen3)."""
        return self.attention_heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Columns of the key projection, and of the value projection."""
        return self.kv_heads * self.head_dim

    @property
    def channel_width(self) -> int:
        """Columns that one token has at most inside a layer's channel: the block's, or its experts' together."""
        experts = self.experts.per_token * self.experts.width + self.experts.shared_width if self.experts else 0
        return max(self.intermediate_size, experts)

    @property
    def image_tokens(self) -> tuple[int, int, int]:
        """Ids that begin a picture, hold the place of a piece of it, and end it; a tiny vocabulary ends with them."""
        usual, last = self.family.image_tokens, self.vocab_size
        return usual if max(usual) < last else (last - 3, last - 2, last - 1)

    def layer(self, index: int) -> Layer:
        """The parts of layer ``index``, zero-indexed."""
        ngrams = self.ngrams if self.ngrams and index + 1 in self.ngrams.layers else None
        return Layer(self._mixer(index), self._channel(index), self.streams, ngrams, index + 1 if ngrams else 0)

    def _mixer(self, index: int) -> Attention | DeltaNet:
        if self.delta and (index + 1) % self.full_every:
            return self.delta
        family = self.family
        return Attention(
            self.attention_heads, self.kv_heads, self.head_dim, family.qkv_bias, family.qk_norm, family.gated_attention,
            self.window if self.window and index >= self.window_from else None, self.indexer,
        )  # fmt: skip

    def _channel(self, index: int) -> Dense | Experts:
        sparse = self.experts and index not in self.dense_layers and (index + 1) % self.sparse_step == 0
        return self.experts if self.experts and sparse else Dense(self.intermediate_size)

    def all_layers(self) -> tuple[Layer, ...]:
        """The parts of every layer."""
        return _layers(self)

    def language_weights(self) -> Iterator[Weight]:
        """Every tensor of the language model, in the order of the checkpoint; the head only if it is not tied."""
        at = self.family.language_prefix
        yield Weight(f"{at}embed_tokens.weight", (self.vocab_size, self.hidden_size), "embedding")
        for index, layer in enumerate(self.all_layers()):
            prefix = f"{at}layers.{index}."
            for weight in layer_weights(layer, self.hidden_size):
                yield Weight(prefix + weight.name, weight.shape, weight.role, weight.active)
        if self.streams:
            yield from self.streams.around(f"{at}hyper_connection_mixer", self.hidden_size, inject=False)
        else:
            yield from norm(f"{at}norm", self.hidden_size)
        if not self.tied_embeddings:
            yield Weight("lm_head.weight", (self.vocab_size, self.hidden_size), "head")

    def tower_weights(self) -> Iterator[Weight]:
        """Every tensor of the vision and audio towers."""
        if self.vision and self.family.tower:
            yield from self.vision.weights(self.family.tower)
        if self.audio:
            yield from self.audio.weights()

    @property
    def embedding_parameters(self) -> int:
        """Elements of the token embedding; the output head has as many again unless it is tied."""
        return self.vocab_size * self.hidden_size

    @property
    def language_parameters(self) -> int:
        """Distinct parameters of the language model."""
        return _counts(self).language

    @property
    def vision_parameters(self) -> int:
        """Parameters of the vision tower."""
        return elements(self.vision.weights(self.family.tower)) if self.vision and self.family.tower else 0

    @property
    def parameters(self) -> int:
        """All distinct parameters, towers included; a tied output head is counted once."""
        return self.language_parameters + elements(self.tower_weights())

    @property
    def non_embedding_parameters(self) -> int:
        """The language model without embedding, output head and n-gram table: the count that model cards print."""
        return self.language_parameters - self._gathered() - (0 if self.tied_embeddings else self.embedding_parameters)

    def _gathered(self) -> int:
        return _counts(self).gathered

    def active_parameters(self, reading: ActiveReading = "with_head") -> int:
        """Parameters at work for one token, in one of the three readings that model cards use."""
        ends = {"layers": 0, "with_head": 1, "with_embedding_and_head": 2}[reading]
        return _counts(self).active_layers + ends * self.embedding_parameters

    @property
    def layer_matmul_parameters(self) -> int:
        """Weights that one token multiplies with in one layer, on average over the layers."""
        return (self.matmul_parameters - self.embedding_parameters) // self.layers

    @property
    def layer_vector_parameters(self) -> int:
        """Norms, biases and other vectors of one layer, on average over the layers."""
        return (_counts(self).vectors - self.hidden_size) // self.layers

    @property
    def matmul_parameters(self) -> int:
        """Weights that a generated token multiplies with: projections, chosen experts, gates and the output head."""
        return _counts(self).multiplied + self.embedding_parameters

    def weight_bytes(self, precision: str) -> int:
        """Bytes that all distinct weights of the language model take in ``precision``.

        Quantised formats keep embeddings, gates and vectors in float32, and add one float32 scale per block of
        :data:`QUANTISATION_BLOCK` weights. A tied head is stored a second time, quantised.
        """
        counts = _counts(self)
        if precision in QUANTISED:
            quantised = counts.quantised + self.embedding_parameters
            return _quantised_bytes(quantised, precision) + 4 * (counts.kept + counts.gathered)
        return counts.language * BITS_PER_WEIGHT[precision] // 8

    def tower_bytes(self, precision: str) -> int:
        """Bytes of the vision tower; quantised formats keep it in float32."""
        bits = 32 if precision in QUANTISED else BITS_PER_WEIGHT[precision]
        return self.vision_parameters * bits // 8

    def distinct_experts(self, tokens: int) -> float:
        """Experts of a layer that ``tokens`` tokens touch under uniform routing (an upper estimate), or 0."""
        return uniform_distinct_experts(self.experts.count, self.experts.per_token, tokens) if self.experts else 0.0

    def decode_weight_bytes(self, precision: str, batch: int = 1, distinct_experts: float | None = None) -> int:
        """Weight bytes that one decode step of ``batch`` sequences must read; of embedding and tables only rows.

        This is the numerator of MBU (with the KV cache, :meth:`kv_bytes_per_token`, and twice the state,
        :meth:`state_bytes`). ``distinct_experts`` is the counted mean per layer; without it routing is taken as
        uniform, which overstates.
        """
        counts = _counts(self)
        routed = 0
        if self.experts:
            distinct = self.distinct_experts(batch) if distinct_experts is None else distinct_experts
            routed = round(counts.routed * distinct / self.experts.count)
        if precision in QUANTISED:
            quantised = counts.quantised - counts.routed + routed + self.embedding_parameters
            return _quantised_bytes(quantised, precision) + 4 * counts.kept
        read = counts.quantised - counts.routed + routed + self.embedding_parameters + counts.kept
        return read * BITS_PER_WEIGHT[precision] // 8

    def kv_bytes_per_token(self, cache_precision: str) -> int:
        """Bytes one token adds to the cache over all layers that keep one: keys, values, the indexer's keys."""
        return sum(layer.mixer.cache_elements_per_token() for layer in self.all_layers()) * _bits(cache_precision) // 8

    def state_bytes(self, cache_precision: str) -> int:
        """Bytes of recurrent state of one sequence; a decode step reads and writes them all."""
        bits = _bits(cache_precision)
        return sum(layer.state_bytes(self.hidden_size, bits) for layer in self.all_layers())

    def decode_flops(self, context_tokens: int) -> int:
        """Return the FLOPs of one token that attends to ``context_tokens`` (itself included).

        Two per multiply-add; projections and head, plus what mixes tokens. Norms, softmax and rotary embedding are
        left out (under 0.5 %).
        """
        mixing = sum(layer.decode_flops(context_tokens) for layer in self.all_layers())
        return round(2 * self.matmul_parameters + mixing)

    def prefill_flops(self, prompt_tokens: int) -> int:
        """Operations to prefill a prompt with logits of its last token only; attention is counted causally."""
        projections = 2 * (self.matmul_parameters - self.embedding_parameters) * prompt_tokens
        mixing = sum(layer.prefill_flops(prompt_tokens) for layer in self.all_layers())
        return round(projections + mixing + 2 * self.embedding_parameters)

    def image_flops(self, height: int, width: int) -> int:
        """Operations of the vision tower for one image of ``height`` x ``width`` pixels; 0 without a tower."""
        return self.vision.flops(self.family.tower, height, width) if self.vision and self.family.tower else 0

    def with_layers(self, layers: int) -> ModelSpec:
        """Return the model cut to ``layers`` decoder layers; its name says so."""
        if layers == self.layers:
            return self
        return replace(self, layers=layers, name=f"{self.name}-{layers}layers")

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the language model by its name in transformers, in the order of the checkpoint."""
        return {weight.name: weight.shape for weight in self.language_weights()}

    def digest(self) -> str:
        """SHA-256 of the dimensions alone; names do not enter it, nor parts that the model does not have."""
        dimensions = {
            field.name: value
            for field in fields(self)
            if field.name not in ("name", "hub_id")
            and ((value := getattr(self, field.name)) != field.default or field.default is MISSING)
        }
        plain = msgspec.to_builtins({key: asdict(value) if hasattr(value, "__dataclass_fields__") else value
                                     for key, value in dimensions.items()})  # fmt: skip
        return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True)
class _Counts:
    """Parameters of a language model by what a step does with them; the embedding and a tied head are left out."""

    language: int
    quantised: int
    routed: int
    kept: int
    vectors: int
    gathered: int
    multiplied: int
    active_layers: int


@cache
def _layers(spec: ModelSpec) -> tuple[Layer, ...]:
    made: dict[Layer, Layer] = {}
    return tuple(made.setdefault(layer, layer) for layer in map(spec.layer, range(spec.layers)))


@cache
def _counts(spec: ModelSpec) -> _Counts:
    weights = list(spec.language_weights())
    inner = [weight for weight in weights if weight.role not in ("embedding", "head")]
    multiplied = sum(weight.active_elements for weight in inner if weight.role != "vector")
    vectors = elements(inner, "vector")
    return _Counts(
        language=elements(weights),
        quantised=elements(inner, "projection", "expert"),
        routed=elements(inner, "expert"),
        kept=elements(inner, "gate", "vector"),
        vectors=vectors,
        gathered=elements(weights, "embedding", "table"),
        multiplied=multiplied,
        active_layers=multiplied + vectors,
    )


def _quantised_bytes(count: int, precision: str) -> int:
    return count * BITS_PER_WEIGHT[precision] // 8 + count // QUANTISATION_BLOCK * 4


def _bits(precision: str) -> int:
    return BITS_PER_WEIGHT[precision]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A routing file whose choices of experts stand in for the routers' own: where it lies, its SHA-256, and the name
    of the model it was recorded with."""

    path: str
    digest: str
    recorded_with: str


@dataclass(frozen=True, slots=True)
class Model:
    """A spec together with the origin of its weights; ``digest`` identifies both.

    ``checkpoint`` is the folder of a local Hugging Face checkpoint; without it the weights are synthetic, from
    ``seed``. ``storage`` says how the checkpoint keeps them. Experts are
    chosen as in ``routing``, where it is given.
    """

    spec: ModelSpec
    digest: str
    checkpoint: str | None = None
    seed: int = 0
    storage: Storage | None = None
    routing: Replayed | None = None

    @property
    def weights_kind(self) -> Literal["synthetic", "checkpoint"]:
        """Where the values come from."""
        return "checkpoint" if self.checkpoint else "synthetic"
