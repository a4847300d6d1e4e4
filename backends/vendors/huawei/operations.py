"""What a Qwen decoder layer and the head are made of in Ascend's operators, with their shapes.

The operators are those that inference on Ascend uses: RmsNorm whole, attention fused (FusedInferAttentionScore takes
queries ``[batch, tokens, heads, head_dim]`` and repeats grouped keys itself, so nothing is transposed, expanded or
masked beside it), everything else one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from backends.qwen.model import ModelSpec

Phase = Literal["prefill", "decode"]
Shape = tuple[int, ...]

ATTENTION = "FusedInferAttentionScore"
ROTARY = "RotaryPositionEmbedding"
CACHE_UPDATE = "ScatterNdUpdate"


@dataclass(frozen=True, slots=True)
class Call:
    """An Ascend operator at given shapes: what a latency belongs to."""

    operator: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A call that a graph makes ``count`` times; ``role`` says what it does there."""

    role: str
    call: Call
    count: int = 1


def layer_operations(
    spec: ModelSpec, phase: Phase, prompt_tokens: int, context_tokens: int, batch: int
) -> tuple[Operation, ...]:
    """A decoder layer: a prefill of ``prompt_tokens``, or one step that attends to ``context_tokens``, itself included.

    A prefill attends to the whole square of its prompt and gives its keys and values out as they are; a step writes its
    own into the cache.
    """
    tokens = prompt_tokens if phase == "prefill" else 1
    context = prompt_tokens if phase == "prefill" else context_tokens
    rows, hidden, inner = batch * tokens, spec.hidden_size, spec.intermediate_size
    heads, kv_heads, width = spec.attention_heads, spec.kv_heads, spec.head_dim
    found = [
        _norm("input norm", rows, hidden),
        _product("query projection", rows, hidden, spec.attention_width),
        _product("key, value projection", rows, hidden, spec.kv_width, 2),
    ]
    if spec.architecture == "qwen2":
        found += [
            _pair("Add", "query bias", rows, spec.attention_width),
            _pair("Add", "key, value bias", rows, spec.kv_width, 2),
        ]
    else:
        found += [_norm("query norm", rows * heads, width), _norm("key norm", rows * kv_heads, width)]
    found += [_rotary("query rotation", batch, tokens, heads, width)]
    found += [_rotary("key rotation", batch, tokens, kv_heads, width)]
    if phase == "decode":
        cache, new = (batch * context, spec.kv_width), (rows, spec.kv_width)
        found.append(Operation("cache update", Call(CACHE_UPDATE, (cache, (rows, 1), new), (cache,)), 2))
    query, keys = (batch, tokens, heads, width), (batch, context, kv_heads, width)
    return (
        *found,
        Operation("attention", Call(ATTENTION, (query, keys, keys), (query,))),
        _product("output projection", rows, spec.attention_width, hidden),
        _pair("Add", "residual", rows, hidden, 2),
        _norm("post-attention norm", rows, hidden),
        _product("gate, up projection", rows, hidden, inner, 2),
        Operation("activation", Call("Swish", ((rows, inner),), ((rows, inner),))),
        _pair("Mul", "gating", rows, inner),
        _product("down projection", rows, inner, hidden),
    )


def head_operations(spec: ModelSpec, batch: int) -> tuple[Operation, ...]:
    """The last norm and the output head, on one token a sequence."""
    hidden = spec.hidden_size
    return _norm("final norm", batch, hidden), _product("output head", batch, hidden, spec.vocab_size)


def ascend_operators(node: str, operator: str) -> tuple[str, ...]:
    """The Ascend operators that do the work of a node of the portable graph, by its name; none for what is left out.

    In ``self_attn`` the operators Mul, Add, Reshape and Concat serve several of them at once.
    """
    scopes = node.split("/")
    if any("norm" in scope for scope in scopes):
        return ("RmsNorm",)
    if "lm_head" in scopes or node.endswith("_proj/MatMul"):
        return ("MatMul",)
    if "mlp" in scopes:
        return {"Sigmoid": ("Swish",), "Mul": ("Swish", "Mul")}.get(operator, ())
    if "self_attn" in scopes:
        return _IN_ATTENTION.get(operator, ())
    return ("Add",) if operator == "Add" else ()


_IN_ATTENTION: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Pow", "ReduceMean", "Sqrt", "Div"), ("RmsNorm",)),
    **dict.fromkeys(("Neg", "Slice"), (ROTARY,)),
    **dict.fromkeys(("MatMul", "Softmax", "Transpose", "Unsqueeze", "Expand", "Reshape"), (ATTENTION,)),
    "Concat": (ROTARY, CACHE_UPDATE),
    "Mul": ("RmsNorm", ROTARY, ATTENTION),
    "Add": ("RmsNorm", ROTARY, ATTENTION),
}


def _norm(role: str, rows: int, width: int) -> Operation:
    return Operation(role, Call("RmsNorm", ((rows, width), (width,)), ((rows, width), (rows, 1))))


def _product(role: str, rows: int, depth: int, columns: int, count: int = 1) -> Operation:
    return Operation(role, Call("MatMul", ((rows, depth), (depth, columns)), ((rows, columns),)), count)


def _pair(operator: str, role: str, rows: int, width: int, count: int = 1) -> Operation:
    return Operation(role, Call(operator, ((rows, width), (rows, width)), ((rows, width),)), count)


def _rotary(role: str, batch: int, tokens: int, heads: int, width: int) -> Operation:
    x, table = (batch, tokens, heads, width), (batch, tokens, 1, width)
    return Operation(role, Call(ROTARY, (x, table, table), (x,)))
