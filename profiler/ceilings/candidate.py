"""Ways to reach a ceiling, and the choice of the fastest one at a shape like the model's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from profiler.records.ceilings import CeilingSample, CeilingTrial

READ = "read"
"""The name of the read-bandwidth ceiling beside those of each arithmetic."""

PASSES = 3
"""Each sample is the fastest of this many passes: noise within them can only slow a pass down."""

ROUNDS = 3
"""Candidates are tried in turn this many times, so that a slow moment of the machine does not decide."""

MOST_PASS_S = 0.1
"""A product that takes longer gets fewer rows, then narrower sides: a sample must stay short beside a repetition."""

ROWS = 1024
LEAST = 256


@dataclass(frozen=True, slots=True)
class Shape:
    """A product of ``[rows, inner]`` and ``[inner, columns]``, as a projection of the model multiplies a prompt."""

    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> float:
        """Multiplications and additions of one product."""
        return 2.0 * self.rows * self.inner * self.columns

    def smaller(self) -> Shape | None:
        """Return a shape of half the work; None for the smallest."""
        if self.rows > LEAST:
            return Shape(self.rows // 2, self.inner, self.columns)
        if max(self.inner, self.columns) <= LEAST:
            return None
        if self.columns >= self.inner:
            return Shape(self.rows, self.inner, self.columns // 2)
        return Shape(self.rows, self.inner // 2, self.columns)

    def affordable(self, rate: float) -> Shape:
        """Return the largest shape of this kind that takes at most :data:`MOST_PASS_S` at ``rate`` per second."""
        shape = self
        while shape.operations / rate > MOST_PASS_S and (smaller := shape.smaller()):
            shape = smaller
        return shape

    def __str__(self) -> str:
        return f"{self.rows}x{self.inner}x{self.columns}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Return the shape that :meth:`__str__` wrote."""
        rows, inner, columns = map(int, text.split("x"))
        return cls(rows, inner, columns)


SMALLEST = Shape(LEAST, LEAST, LEAST)
USUAL = Shape(ROWS, 1024, 3072)
"""The widest projection of Qwen3-0.6B on a long prompt."""


def shape_like(hidden_size: int, channel_width: int) -> Shape:
    """Return the shape of a model's widest projection on a long prompt.

    It is neither so narrow that a product waits for memory, nor so wide that a sample takes long.
    """
    return Shape(ROWS, min(max(hidden_size, 1024), 2048), min(max(channel_width, 2048), 6144))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way: ``run`` does ``amount`` operations, or reads so many bytes, at each call."""

    library: str
    amount: float
    run: Callable[[], object]

    def sample(self) -> CeilingSample:
        """Return the fastest of :data:`PASSES` passes."""
        return min((self._pass() for _ in range(PASSES)), key=lambda taken: taken.duration_ns)

    def _pass(self) -> CeilingSample:
        at = time.perf_counter_ns()
        self.run()
        return CeilingSample(at, self.amount, max(1, time.perf_counter_ns() - at))


Offer = tuple[str, Callable[[], Callable[[], object]]]
"""The library's name, and what makes its call ready. Making it raises where this machine or version cannot."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """What is sampled beside the run: ``way`` names it, ``take`` is None if nothing works; and what was tried."""

    way: str
    take: Callable[[], CeilingSample] | None
    trials: tuple[CeilingTrial, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The fastest candidate, None if none works here, and how every one fared."""

    best: Candidate | None
    trials: tuple[CeilingTrial, ...]

    def sampler(self, what: str = "{library}") -> Sampler:
        """Return what samples the fastest; ``what`` names it, with the place ``{library}``."""
        if self.best is None:
            return Sampler("", None, self.trials)
        return Sampler(what.format(library=self.best.library), self.best.sample, self.trials)

    @property
    def rate(self) -> float:
        """The rate of the fastest, per second; 0 if none works."""
        return max((trial.rate for trial in self.trials if trial.rate is not None), default=0.0)


def choose(amount: float, offers: Sequence[Offer]) -> Choice:
    """Try every offer in turn and choose the fastest; one that fails is kept with its error."""
    ready: list[Candidate] = []
    failed: list[CeilingTrial] = []
    for library, prepare in offers:
        try:
            candidate = Candidate(library, amount, prepare())
            candidate.run()
        except Exception as error:  # noqa: BLE001 - a library that cannot do this here is recorded, and not chosen
            failed.append(CeilingTrial(library, failure=_first_line(error)))
        else:
            ready.append(candidate)
    fastest: dict[str, float] = {candidate.library: 0.0 for candidate in ready}
    contending = ready
    for _ in range(ROUNDS):
        for candidate in contending:
            taken = candidate.sample()
            rate = taken.amount / taken.duration_ns * 1e9
            fastest[candidate.library] = max(fastest[candidate.library], rate)
        best_rate = max(fastest.values(), default=0.0)
        contending = [candidate for candidate in contending if fastest[candidate.library] > best_rate / 2]
    best = max(ready, key=lambda candidate: fastest[candidate.library], default=None)
    tried = tuple(CeilingTrial(library, rate) for library, rate in fastest.items())
    return Choice(best, (*tried, *failed))


def _first_line(error: Exception) -> str:
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text[:120]}"
