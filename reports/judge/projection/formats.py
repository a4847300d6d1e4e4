"""Number formats: the bytes a model takes in one, and the peak its products run at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from backends.common import facts
from profiler.chips import Chip
from reports.judge.projection.data import document
from reports.judge.projection.dimensions import Dimensions


@dataclass(frozen=True, slots=True)
class Format:
    """One entry of ``formats.yaml``, which says what the fields mean."""

    id: str
    group: str
    weight_bits: float
    head_bits: float
    embedding_bits: float
    kv_bits: float
    peaks: tuple[str, ...]
    names: tuple[str, ...]

    def decode_bytes(self, model: Dimensions) -> float:
        """Weight bytes that one decode step reads: projections, head and norms, of the embedding a row at most."""
        vectors = model.layers * model.layer_vectors * 2.0
        return (model.layers * model.layer_matmul * self.weight_bits + model.embedding * self.head_bits) / 8 + vectors

    def weight_bytes(self, model: Dimensions) -> float:
        """Bytes of all weights; a tied head is stored once."""
        return self.decode_bytes(model) + (0.0 if model.tied else model.embedding * self.embedding_bits / 8)

    def peak_flops(self, chip: Chip) -> Range | None:
        """The declared peak that products in this format run at, in FLOP/s, or None if none is known."""
        for precision in self.peaks:
            found = Range.of(chip, f"peak_dense_tops.{precision}", 1e12)
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Range:
    """A figure of the catalogue in base units: the preferred value, and between which values it may lie."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, chip: Chip, path: str, unit: float) -> Range | None:
        """The figure at ``path``; None if it, or one end of its range, is not known.

        A range without a preferred value stands for its geometric mean.
        """
        name, _, key = path.partition(".")
        value = dict(chip.peak_dense_tops).get(key) if key else getattr(chip, name)  # type: ignore[call-overload]
        low, high = chip.bounds(path) or (None, None)
        if value is None:
            if not low or not high:
                return None
            return cls((low * high) ** 0.5 * unit, low * unit, high * unit)
        return cls(value * unit, (value if low is None else low) * unit, (value if high is None else high) * unit)


@cache
def formats() -> dict[str, Format]:
    """Every format by its id."""
    return facts.records(Format, document("formats.yaml", "formats"), "formats")


def find_format(published_name: str) -> Format | None:
    """The format that a published row, or a user, names."""
    name = published_name.strip().casefold()
    return next((known for known in formats().values() if name == known.id or name in known.names), None)
