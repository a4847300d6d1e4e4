"""What ``qwen4_exp`` adds around a layer: several residual streams, and an n-gram table that feeds one layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from backends.qwen.parts import Stateless, Weight, linear, norm


@dataclass(frozen=True, slots=True)
class HyperConnections(Stateless):
    """``count`` residual streams: mixed into one input through a bottleneck of ``rank``, then added to."""

    count: int
    rank: int

    def around(self, name: str, hidden: int, *, inject: bool = True) -> Iterator[Weight]:
        """One module: the mix before a block, and, except before the head, the weights its output is added by."""
        wide = self.count * hidden
        yield from norm(f"{name}.hc_norm", wide)
        yield from linear(f"{name}.input_mix_weight_down", self.rank, wide)
        yield from linear(f"{name}.input_mix_weight_up", wide, self.rank)
        if inject:
            yield from linear(f"{name}.block_inject_weight", self.count, wide, role="gate")


@dataclass(frozen=True, slots=True)
class NGrams:
    """A table of hashed n-grams: ``heads`` hashes for each length from 2 to ``size`` pick one row of the table each.

    ``layers`` are one-indexed, as ``ple_layer_ids`` is. The table has one prime number of rows a hash, each from
    ``base_rows`` up, and is padded to a multiple of ``divisor``.
    """

    layers: tuple[int, ...]
    width: int
    taps: int
    size: int
    heads: int
    base_rows: int
    divisor: int
    parts: int = 512

    @property
    def hashes(self) -> int:
        """Rows that one token gathers."""
        return (self.size - 1) * self.heads

    def rows(self, layer: int) -> int:
        """Rows of the table of ``layer`` (one-indexed): its hashes' primes follow those of the tables before it."""
        first = self.layers.index(layer) * self.hashes
        total = sum(primes_from(self.base_rows, first + self.hashes)[first:])
        return -(-total // self.divisor) * self.divisor

    def weights(self, prefix: str, layer: int, hidden: int, streams: int) -> Iterator[Weight]:
        """The table, its key and value projections, three norms and a dilated convolution."""
        at, wide = f"{prefix}ple.", hidden * streams
        shape = (self.rows(layer), self.width // self.hashes)
        yield Weight(f"{at}ple_embedding.ngram_embedding.weight", shape, "table")
        yield from linear(f"{at}key_proj", wide, self.width)
        yield from linear(f"{at}value_proj", hidden, self.width)
        for name in ("norm_key", "norm_query", "norm_conv"):
            yield from norm(f"{at}{name}", wide)
        yield Weight(f"{at}conv1d.weight", (wide, 1, self.taps), "vector")

    def state_elements(self, hidden: int, streams: int) -> int:
        """Inputs that the dilated convolution keeps: it looks back ``(taps - 1) * size`` tokens."""
        return (self.taps - 1) * self.size * hidden * streams


@cache
def primes_from(start: int, count: int) -> tuple[int, ...]:
    """The first ``count`` primes not below ``start``."""
    primes: list[int] = []
    number = start
    while len(primes) < count:
        if _is_prime(number):
            primes.append(number)
        number += 1
    return tuple(primes)


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 1
    if number % 2 == 0:
        return False
    divisor = 3
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 2
    return True
