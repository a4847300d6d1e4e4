"""What works on each token alone: one SwiGLU block, or a router and its experts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.qwen.parts import Stateless, Weight, linear


@dataclass(frozen=True, slots=True)
class Dense(Stateless):
    """A SwiGLU block."""

    width: int

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Gate, up and down projection."""
        yield from swiglu(f"{prefix}mlp.", hidden, self.width)


@dataclass(frozen=True, slots=True)
class Experts(Stateless):
    """``per_token`` of ``count`` SwiGLU blocks of ``width``, chosen by a router, and a block that always runs."""

    count: int
    per_token: int
    width: int
    shared_width: int = 0

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Router, experts in two tensors as transformers 5 stores them, shared expert and its gate."""
        at = f"{prefix}mlp."
        yield from linear(f"{at}gate", self.count, hidden, role="gate")
        shape = (self.count, 2 * self.width, hidden)
        yield Weight(f"{at}experts.gate_up_proj", shape, "expert", self.per_token)
        yield Weight(f"{at}experts.down_proj", (self.count, hidden, self.width), "expert", self.per_token)
        if self.shared_width:
            yield from swiglu(f"{at}shared_expert.", hidden, self.shared_width)
            yield from linear(f"{at}shared_expert_gate", 1, hidden, role="gate")


def swiglu(at: str, hidden: int, width: int) -> Iterator[Weight]:
    """The three matrices of a SwiGLU block."""
    yield from linear(f"{at}gate_proj", width, hidden)
    yield from linear(f"{at}up_proj", width, hidden)
    yield from linear(f"{at}down_proj", hidden, width)


def uniform_distinct_experts(count: int, per_token: int, tokens: int) -> float:
    """Experts that ``tokens`` tokens touch together under independent, uniform routing.

    ``count * (1 - (1 - per_token / count) ** tokens)``. Real routing touches fewer: this is the upper estimate.
    """
    return count * (1 - (1 - per_token / count) ** tokens)
