"""The dimensions a projection needs of a model: of a preset, or of a model that only published results speak of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backends.common import facts
from backends.qwen.model import ModelSpec
from profiler.models.presets import presets
from reports.judge.projection.data import document


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


def find_dimensions(published_name: str) -> Dimensions | None:
    """The dimensions of the model that a published row names, or None."""
    return _known().get(_fold(published_name))


@cache
def _known() -> dict[str, Dimensions]:
    found = {name: Dimensions.of(preset.spec) for name, preset in presets().items()}
    for name, dimensions in list(found.items()):
        found[f"{name}-instruct"] = found[name.replace("-", " ", 1)] = dimensions
    for entry in document("architectures.yaml", "architectures").items("architectures"):
        if "same_as" in entry.value:
            alike = facts.record(_Alike, entry)
            if alike.same_as not in found:
                raise entry.error(f"same_as: {alike.same_as!r} is no preset", "same_as")
            dimensions, names = found[alike.same_as], alike.names
        else:
            written = facts.record(_Architecture, entry)
            dimensions, names = written.dimensions(), written.names
        for name in (entry.value["name"], *names):
            found[_fold(name)] = dimensions
    return found


@dataclass(frozen=True, slots=True)
class _Alike:
    """An entry of ``architectures.yaml`` whose decoder has the dimensions of a preset."""

    name: str
    names: tuple[str, ...]
    same_as: str
    source: str


@dataclass(frozen=True, slots=True)
class _Architecture:
    """An entry of ``architectures.yaml`` with dimensions."""

    name: str
    names: tuple[str, ...]
    source: str
    hidden_size: int
    intermediate_size: int
    layers: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    tied_embeddings: bool

    def dimensions(self) -> Dimensions:
        hidden, width = self.hidden_size, self.attention_heads * self.head_dim
        kv_width = self.kv_heads * self.head_dim
        matmul = hidden * (2 * width + 2 * kv_width) + 3 * hidden * self.intermediate_size
        return Dimensions(
            self.name, self.layers, hidden, matmul, 2 * hidden, self.vocab_size * hidden, width, kv_width,
            self.kv_heads, self.vocab_size, self.tied_embeddings,
        )  # fmt: skip


def _fold(name: str) -> str:
    """Lower-cased, without the endings that name a quantisation or a serving setting."""
    text = " ".join(name.casefold().split())
    for ending in ("-w8a8sc-310-vllm-tp1", "-w8a8sc-310-vllm-tp4", "-w8a8", "-gptq-int4", "-gptq-int8", "-awq", "-fp8"):
        text = text.removesuffix(ending)
    return text
