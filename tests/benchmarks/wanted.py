"""What is wanted of our own speed, and how far each wish is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from profiler.records.quantity import Quantity
from tests.benchmarks.score import Entry

Verdict = Literal["yes", "no", "unclear", "not measured"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A bound on a figure; ``figure`` is None where its contenders did not run."""

    what: str
    bound: float
    at_least: bool
    figure: Quantity | None

    @property
    def verdict(self) -> Verdict:
        """By the whole interval: a noisy run must not grant a wish, nor deny one."""
        if self.figure is None or self.figure.value is None:
            return "not measured"
        low, high = self.figure.ci95 or (self.figure.value, self.figure.value)
        if low < self.bound < high:
            return "unclear"
        return "yes" if (low >= self.bound) == self.at_least or low == high == self.bound else "no"


def wishes(entries: Sequence[Entry], cost: Quantity | None, startup: dict[str, Quantity]) -> list[Wish]:
    """All of them, in the order they were asked for."""
    found = [
        Wish("onnx-cpu@float32 decode MBU", 0.90, True, _metric(entries, "onnx-cpu@float32", "mbu")),
        Wish("onnx-cpu@float32 prefill MFU", 0.65, True, _metric(entries, "onnx-cpu@float32", "mfu")),
    ]
    found += _over_peers(entries, "onnx-cpu", "float32")
    found += _over_peers(entries, "onnx-cpu", "int4")
    found += [
        wish for wish in _over_peers(entries, "torch-cpu", "float32") if wish.what.endswith("transformers@float32")
    ]
    found.append(Wish("cost of measuring, share of throughput", 0.01, False, cost))
    bounds = {"synthetic weights": 15.0, "cold export": 60.0, "cached load": 2.0}
    found += [Wish(f"{name}, seconds", bound, False, startup.get(name)) for name, bound in bounds.items()]
    return found


def _metric(entries: Sequence[Entry], contender: str, name: str) -> Quantity | None:
    return next((entry.metrics[name] for entry in entries if entry.contender.id == contender), None)


def _over_peers(entries: Sequence[Entry], engine: str, precision: str) -> list[Wish]:
    return [
        Wish(f"{engine}@{precision} decode over {entry.contender.id}", 1.0, True, entry.ratios[engine])
        for entry in entries
        if entry.contender.precision == precision and not entry.contender.ours and engine in entry.ratios
    ]
