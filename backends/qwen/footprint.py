"""Memory that work on a streamed model takes: it follows from the largest part, not from the whole."""

from __future__ import annotations

from backends.qwen.model import ModelSpec

ENGINE_BYTES = 600_000_000
"""Python, PyTorch, transformers and their threads, before any weight."""

FLOAT32 = 4


def layer_bytes(spec: ModelSpec) -> int:
    """Float32 bytes of the largest layer without its experts, with what is around the layers."""
    sizes: dict[str, int] = {}
    prefix = f"{spec.family.language_prefix}layers."
    for weight in spec.language_weights():
        if weight.role not in ("embedding", "head", "table", "expert"):
            inside = weight.name.startswith(prefix)
            part = weight.name.removeprefix(prefix).partition(".")[0] if inside else ""
            sizes[part] = sizes.get(part, 0) + FLOAT32 * weight.elements
    return sizes.pop("", 0) + max(sizes.values(), default=0)


def expert_bytes(spec: ModelSpec) -> int:
    """Float32 bytes of one expert; 0 without experts."""
    return FLOAT32 * 3 * spec.experts.width * spec.hidden_size if spec.experts else 0


def activation_bytes(spec: ModelSpec, tokens: int) -> int:
    """Float32 bytes of the largest activations of a prefill of so many tokens, over all sequences."""
    width = 3 * spec.channel_width + 4 * spec.hidden_size * (spec.streams.count if spec.streams else 1)
    return FLOAT32 * tokens * width


def reference_bytes(spec: ModelSpec, batch: int, prompt_tokens: int, total_tokens: int) -> int:
    """Least memory of the float32 reference: one layer, the experts its tokens choose, the head, cache and engine.

    Layer and head are at work one after the other; both are counted, because freed memory is not returned at once.
    """
    tokens = batch * prompt_tokens
    experts = round(spec.distinct_experts(tokens) * expert_bytes(spec))
    cache = spec.kv_bytes_per_token("float32") * total_tokens * batch
    cache += 2 * spec.state_bytes("float32") * batch
    head = FLOAT32 * spec.embedding_parameters
    return layer_bytes(spec) + experts + head + cache + activation_bytes(spec, tokens) + ENGINE_BYTES


def export_memory_bytes(spec: ModelSpec, precision: str) -> int:
    """Memory of writing a graph: one layer with a transposed matrix of it, or the float32 head and its transpose."""
    head = 2 * FLOAT32 * spec.embedding_parameters if precision == "float32" else 0
    return max(layer_bytes(spec) * 3 // 2 + 4 * expert_bytes(spec), head) + ENGINE_BYTES
