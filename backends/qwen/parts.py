"""What a model is built of: each part lists its weights, and says what a token costs beyond multiplying with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["embedding", "head", "projection", "expert", "gate", "vector", "table"]
"""How a step uses a weight, and how a quantised format stores it.

``embedding`` and ``table`` are gathered row by row. ``head`` and ``projection`` are multiplied with every token, and
quantised. ``expert`` is three-dimensional, its first dimension chosen by a router; quantised. ``gate`` (routers, decay
and write-strength projections) is multiplied with every token and never quantised. ``vector`` (norms, biases, short
convolutions) is read whole and never quantised.
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor of a checkpoint. ``active`` of the ``shape[0]`` experts serve one token."""

    name: str
    shape: tuple[int, ...]
    role: Role
    active: int = 0

    @property
    def elements(self) -> int:
        """Parameters in the tensor."""
        return math.prod(self.shape)

    @property
    def active_elements(self) -> int:
        """Parameters that one token multiplies with; of a gathered table none."""
        if self.role == "expert":
            return self.elements // self.shape[0] * self.active
        return 0 if self.role in ("embedding", "table") else self.elements


class Part(Protocol):
    """A piece of a layer."""

    def weights(self, prefix: str, hidden: int) -> Iterator[Weight]:
        """Its tensors, in the order and by the names of transformers' modules, in a model ``hidden`` wide."""
        ...

    def decode_flops(self, context_tokens: float) -> float:
        """Operations of one token that attends to ``context_tokens``, beyond 2 for each weight."""
        ...

    def prefill_flops(self, tokens: int) -> float:
        """The same for a whole prompt."""
        ...

    def cache_elements_per_token(self) -> int:
        """Cached numbers that grow with the context, in the cache's precision."""
        ...

    def state_bytes(self, cache_bits: int) -> int:
        """Bytes of recurrent state of one sequence, whatever its length; read and written in every step."""
        ...


class Stateless:
    """Defaults of a part that keeps nothing between tokens and does nothing but multiply with its weights."""

    __slots__ = ()

    def decode_flops(self, context_tokens: float) -> float:
        """None beyond the weights."""
        return 0

    def prefill_flops(self, tokens: int) -> float:
        """None beyond the weights."""
        return 0

    def cache_elements_per_token(self) -> int:
        """Nothing is cached."""
        return 0

    def state_bytes(self, cache_bits: int) -> int:
        """No state."""
        return 0


def linear(name: str, rows: int, columns: int, *, bias: bool = False, role: Role = "projection") -> Iterator[Weight]:
    """A projection's matrix ``[rows, columns]``, and its bias."""
    yield Weight(f"{name}.weight", (rows, columns), role)
    if bias:
        yield Weight(f"{name}.bias", (rows,), "vector")


def norm(name: str, width: int, *, bias: bool = False) -> Iterator[Weight]:
    """A norm's weight, and its bias."""
    yield Weight(f"{name}.weight", (width,), "vector")
    if bias:
        yield Weight(f"{name}.bias", (width,), "vector")


def elements(weights: Iterable[Weight], *roles: Role) -> int:
    """Parameters in all, or in the given roles."""
    return sum(weight.elements for weight in weights if not roles or weight.role in roles)
