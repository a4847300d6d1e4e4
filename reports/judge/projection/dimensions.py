"""The dimensions a projection needs of a model: of a preset, or of a model that only published results speak of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from backends.qwen.model import ModelSpec
from profiler.models.presets import presets
from reports.judge.projection.data import entries


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A dense decoder with gated feed-forward layers. Counts are elements; a tied head is counted as head and
    embedding.

    ``key`` is the same for two models of equal dimensions: leaving one out of a fit must leave out the other.
    """

    name: str
    layers: int
    hidden_size: int
    layer_matmul: int
    layer_vectors: int
    embedding: int
    attention_width: int
    kv_width: int
    kv_heads: int
    vocab_size: int
    tied: bool

    @property
    def key(self) -> tuple[int, ...]:
        """What makes two models alike in time and memory."""
        return (self.layers, self.hidden_size, self.layer_matmul, self.embedding, self.kv_width)

    @property
    def matmul(self) -> int:
        """Weights that every generated token multiplies with: the projections and the head."""
        return self.layers * self.layer_matmul + self.embedding

    @classmethod
    def of(cls, spec: ModelSpec) -> Dimensions:
        """Those of a preset or a checkpoint."""
        return cls(
            spec.name, spec.layers, spec.hidden_size, spec.layer_matmul_parameters, spec.layer_vector_parameters,
            spec.embedding_parameters, spec.attention_width, spec.kv_width, spec.kv_heads, spec.vocab_size,
            spec.tied_embeddings,
        )  # fmt: skip


def is_dense(spec: ModelSpec) -> bool:
    """Whether a layer is softmax attention and one SwiGLU block: what the fitted step model describes."""
    return spec.experts is None and spec.delta is None and spec.vision is None


def dense_presets() -> tuple[str, ...]:
    """Names of the presets that can be projected."""
    return tuple(name for name, preset in presets().items() if is_dense(preset.spec))


def find_dimensions(published_name: str) -> Dimensions | None:
    """The dimensions of the model that a published row names, or None."""
    return _known().get(_fold(published_name))


@cache
def _known() -> dict[str, Dimensions]:
    found = {name: Dimensions.of(presets()[name].spec) for name in dense_presets()}
    for name, dimensions in list(found.items()):
        found[f"{name}-instruct"] = found[name.replace("-", " ", 1)] = dimensions
    for entry in entries("architectures.yaml", "architectures"):
        value: dict[str, Any] = entry.value
        if "source" not in value:
            raise entry.error(f"{value.get('name')!r} has no source; every fact needs one")
        if "same_as" in value:
            if value["same_as"] not in found:
                raise entry.error(f"same_as: {value['same_as']!r} is no preset", "same_as")
            dimensions = found[value["same_as"]]
        else:
            dimensions = _from_entry(value)
        for name in (value["name"], *value["names"]):
            found[_fold(name)] = dimensions
    return found


def _from_entry(value: dict[str, Any]) -> Dimensions:
    hidden, width = value["hidden_size"], value["attention_heads"] * value["head_dim"]
    kv_width = value["kv_heads"] * value["head_dim"]
    matmul = hidden * (2 * width + 2 * kv_width) + 3 * hidden * value["intermediate_size"]
    return Dimensions(
        value["name"], value["layers"], hidden, matmul, 2 * hidden, value["vocab_size"] * hidden, width, kv_width,
        value["kv_heads"], value["vocab_size"], value["tied_embeddings"],
    )  # fmt: skip


def _fold(name: str) -> str:
    """Lower-cased, without the endings that name a quantisation or a serving setting."""
    text = " ".join(name.casefold().split())
    for ending in ("-w8a8sc-310-vllm-tp1", "-w8a8sc-310-vllm-tp4", "-w8a8", "-gptq-int4", "-gptq-int8", "-awq", "-fp8"):
        text = text.removesuffix(ending)
    return text
