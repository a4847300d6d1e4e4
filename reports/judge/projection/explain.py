"""Every parameter behind a projection, what each level of evidence does to it, and the rows it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.judge.projection.evidence import Observation
from reports.judge.projection.groups import chip_family
from reports.judge.projection.projection import ChipProjection, Projection, Projector
from reports.judge.projection.step import TIME_TERMS, total
from reports.judge.projection.step import terms as terms_of

_EFFICIENCIES = {"weights", "kv_cache", "prefill", "attention", "batch"}
MEANINGS = {
    "weights": "share of the bandwidth reached reading weights",
    "kv_cache": "share of the bandwidth reached reading the KV cache",
    "prefill": "share of the peak reached by the prompt's projections",
    "attention": "share of the peak reached by the prompt's attention",
    "batch": "share of the peak reached by decode arithmetic",
    "launch": "overhead per layer, launches replayed as a graph",
    "host_launch": "overhead per layer, launched by the host",
    "prefill_launch": "overhead per layer of a prefill, whose launches are never replayed",
    "synchronisation": "overhead per layer, devices in step",
    "per_token": "engine's work per token handed out",
    "per_request": "engine's work per request admitted",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the time model: an efficiency (unit ``1``) or seconds.

    ``levels`` multiply to ``value``: what all engines share, then each level's factor. ``step_share`` is its part of a
    decode step.
    """

    name: str
    meaning: str
    value: float
    unit: str
    levels: dict[str, float]
    step_share: float


@dataclass(frozen=True, slots=True)
class RowBehind:
    """A result of the same engine and chip family, and what the fitted model says of it; the most alike come first."""

    place: str
    model: str
    precision: str
    batch: int
    prompt_tokens: int
    output_tokens: int
    published: float
    unit: str
    fitted_over_published: float
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parameters of one chip's projection and the rows behind them; ``results`` counts rows by level."""

    chip_id: str
    stack: str
    parameters: tuple[Parameter, ...]
    results: dict[str, int]
    rows: tuple[RowBehind, ...]


def explain(found: Projection, known: Projector) -> tuple[Explanation, ...]:
    """Of every chip whose times were projected."""
    explained = []
    for chip in found.chips:
        if chip.situation is None:
            continue
        fit = known.time.fit
        levels = fit.parts(chip.situation)
        factors = fit.log_factors(chip.situation)
        step = terms_of(chip.situation, "step")
        seconds = total(step, factors)
        parameters = []
        for at, name in enumerate(TIME_TERMS):
            inverse = name in _EFFICIENCIES
            value = float(np.exp(-factors[at] if inverse else factors[at]))
            parts = {level: (1 / part if inverse else part) for level, part in levels[name].items()}
            share = float((step.added + step.decode)[at] * np.exp(factors[at]) / seconds)
            parameters.append(Parameter(name, MEANINGS[name], value, "1" if inverse else "s", parts, share))
        explained.append(
            Explanation(
                chip.chip_id, chip.stack, tuple(parameters), fit.rows_behind(chip.situation), _rows(chip, known)
            )
        )
    return tuple(explained)


def _rows(chip: ChipProjection, known: Projector) -> tuple[RowBehind, ...]:
    assert chip.situation is not None
    wanted = (chip.situation.stack.family, chip_family(chip.situation.device))
    made = []
    asked = chip.situation

    def distance(observation: Observation) -> tuple[bool, bool, bool]:
        s = observation.situation
        return s.stack.id != asked.stack.id, s.format.id != asked.format.id, (s.batch > 1) != (asked.batch > 1)

    for observation in sorted(known.time.fit.observations, key=distance):
        s = observation.situation
        if (s.stack.family, chip_family(s.device)) != wanted:
            continue
        predicted = known.time.fit.predict(s, observation.figure)[0]
        rate = observation.unit.startswith("tok/s")
        ratio = observation.value / predicted if rate else predicted / observation.value
        made.append(
            RowBehind(
                observation.place,
                s.model.name,
                s.format.id,
                min(s.batch, 10**6),
                s.prompt_tokens,
                s.output_tokens,
                observation.published,
                observation.unit,
                ratio,
                observation.source,
                observation.confidence,
            )
        )  # fmt: skip
    return tuple(made)
