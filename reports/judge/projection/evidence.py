"""From published rows to observations the model can be fitted to, every row used, converted or excluded with a
reason."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from backends.common import facts
from reports.judge.projection.data import document
from reports.judge.projection.dimensions import find_dimensions
from reports.judge.projection.formats import find_format
from reports.judge.projection.rows import Row, own_rows
from reports.judge.projection.situation import Device, Figure, Situation, chip_of
from reports.judge.projection.stacks import stack_of
from reports.judge.projection.step import TIME_TERMS, terms

_MIB, _GIB = 1024.0**2, 1024.0**3
MOST_OF_PEAK = 0.75
"""Share of the declared peak that no engine reaches over whole requests; products alone reach 0.83 (FlagPerf, A100)."""

_UNBOUNDED_BATCH = 10**9
"""For results at maximum throughput, which state no batch: engine and memory limit it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One figure of one row, as the model sees it: ``value`` in seconds or bytes of ``figure``.

    ``published`` is the figure in its own ``unit``, and ``tokens`` what a rate divides by the seconds.
    """

    place: str
    situation: Situation
    figure: Figure
    value: float
    published: float
    unit: str
    source: str
    confidence: str
    converted: tuple[str, ...] = ()
    own_bundle: bool = False

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two rows that state the same result."""
        s = self.situation
        return (
            s.model.key, s.device.chip_id or s.device.name, s.devices, s.stack.id, s.format.id, s.batch,
            s.prompt_tokens, s.output_tokens, self.figure, f"{self.published:.4g}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row, or one figure of it, that takes no part."""

    row: Row
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What became of the rows of some files."""

    rows: int
    observations: tuple[Observation, ...]
    excluded: tuple[Excluded, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what became of them; they add up to ``rows``."""
        used = len({o.place for o in self.observations})
        converted = len({o.place for o in self.observations if o.converted})
        return {"rows": self.rows, "used": used - converted, "converted": converted, "excluded": self.rows - used}

    @property
    def reasons(self) -> dict[str, int]:
        """Excluded rows by reason, most frequent first."""
        used = {o.place for o in self.observations}
        return dict(Counter(e.reason for e in self.excluded if e.row.place not in used).most_common())

    @property
    def conversions(self) -> dict[str, int]:
        """Converted rows by what was converted; a row may be counted under several."""
        found = {(o.place, text) for o in self.observations for text in o.converted}
        return dict(Counter(text for _, text in sorted(found)).most_common())


@cache
def own_evidence() -> Evidence:
    """What the project's own published results come to."""
    return judge(own_rows())


def judge(rows: Iterable[Row]) -> Evidence:
    """Use, convert or exclude every row; a row identical to an earlier one is excluded too."""
    rows = tuple(rows)
    found: list[Observation] = []
    excluded: list[Excluded] = []
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        for outcome in _outcomes(row):
            if isinstance(outcome, str):
                excluded.append(Excluded(row, outcome))
            elif outcome.identity in seen:
                excluded.append(Excluded(row, "the same result as an earlier row"))
            else:
                seen.add(outcome.identity)
                found.append(outcome)
    return Evidence(len(rows), tuple(found), tuple(excluded))


def _outcomes(row: Row) -> list[Observation | str]:
    reason = _excluded_by_rule(row)
    if reason is not None:
        return [reason]
    parsed = _situation(row)
    if isinstance(parsed, str):
        return [parsed]
    situation, converted = parsed
    if row.is_speed_page:
        outcomes: list[Observation | str] = [_timed(row, situation, converted, "request", *_speed_page_rate(row))]
        memory = _number(row["gpu_memory_as_published"])
        if memory is not None:
            unit, factor = ("MB", _MIB) if row["gpu_memory_unit"].startswith("MB") else ("GB", _GIB)
            outcomes.append(_observation(row, situation, "memory", memory * factor, memory, unit, converted))
        return outcomes
    return [_published(row, situation, converted)]


def _published(row: Row, situation: Situation, converted: tuple[str, ...]) -> Observation | str:
    value = _number(row["value"])
    if value is None or value <= 0:
        return "no positive figure"
    metric, unit, phase = row["metric"].casefold(), row["unit"].casefold(), row["phase"].casefold()
    if metric.startswith("memory") and unit in ("mb", "gb"):
        return _observation(
            row, situation, "memory", value * (_MIB if unit == "mb" else _GIB), value, row["unit"], converted
        )
    if unit == "ms":
        figure: Figure | None = "prefill" if "ttft" in metric else "step" if "tpot" in metric else None
        return "unknown metric" if figure is None else _timed(row, situation, converted, figure, value, "ms")
    if unit.startswith("tok/s"):
        if unit != "tok/s":
            converted = (*converted, "per-device rate to the rate of all devices")
            value *= situation.devices
        if phase.startswith("prefill"):
            return _timed(row, situation, converted, "prefill", value, "tok/s")
        figure = "step" if phase == "decode" else "request"
        return _timed(row, situation, converted, figure, value, "tok/s")
    return f"unknown unit {row['unit']!r}"


def _speed_page_rate(row: Row) -> tuple[float | None, str, tuple[str, ...]]:
    """Generated tokens per second, and how it was had."""
    definition = row["speed_definition"]
    derived = _number(row["value"])
    if "prompt+generated" in definition:
        return derived, "tok/s", ("prompt tokens counted as output: rate of generated tokens derived",)
    return derived, "tok/s", ()


def _timed(
    row: Row, situation: Situation, converted: tuple[str, ...], figure: Figure, value: float | None, unit: str,
    more: tuple[str, ...] = (),
) -> Observation | str:  # fmt: skip
    if value is None or value <= 0:
        return "no positive figure"
    if situation.device.missing is not None:
        return f"the chip catalogue has no {situation.device.missing} of {situation.device.name}"
    found = _observation(
        row, situation, figure, to_base(situation, figure, value, unit), value, unit, (*converted, *more)
    )
    floor = situation.format.decode_bytes(situation.model) / (
        situation.devices * (situation.device.bandwidth_b_s or math.inf)
    )
    steps = {"step": 1, "request": situation.output_tokens, "prefill": 0, "memory": 0}[figure]
    if found.value < 0.95 * floor * steps:
        return "faster than the chip's memory can deliver the weights: speculative decoding or another definition"
    if found.value * MOST_OF_PEAK < _arithmetic_s(situation, figure):
        return f"more arithmetic than {MOST_OF_PEAK:.0%} of the chip's peak: cached prefixes or another definition"
    return found


def _arithmetic_s(situation: Situation, figure: Figure) -> float:
    """Seconds that the operations of ``figure`` take at the declared peak."""
    needed = terms(situation, figure)
    return float(
        sum((needed.added + needed.decode)[TIME_TERMS.index(name)] for name in ("prefill", "attention", "batch"))
    )


def to_base(situation: Situation, figure: Figure, value: float, unit: str) -> float:
    """Seconds of ``figure`` from a time in ms or a rate in tokens per second; its own inverse for rates."""
    if unit == "ms":
        return value / 1e3
    tokens = {
        "prefill": float(situation.batch * situation.prompt_tokens),
        "step": situation.sequences,
        "request": situation.sequences * situation.output_tokens,
    }
    return tokens[figure] / value


def _observation(
    row: Row,
    situation: Situation,
    figure: Figure,
    value: float,
    published: float,
    unit: str,
    converted: tuple[str, ...],
) -> Observation:
    return Observation(
        row.place,
        situation,
        figure,
        value,
        published,
        unit,
        row["source"],
        row["confidence"],
        tuple(dict.fromkeys(converted)),
    )


def _situation(row: Row) -> tuple[Situation, tuple[str, ...]] | str:
    converted: list[str] = []
    model = find_dimensions(row["model"])
    if model is None:
        return "a model whose dimensions are not in the catalogue"
    number_format = find_format(row["precision"])
    if number_format is None:
        return f"a number format without an entry: {row['precision'] or 'not stated'}"
    name = chip_of(row["chip"])
    stack = stack_of(row["framework"], row["framework_version"], row["phase"])
    count = re.search(r"\d+", row["count"])
    if count is None:
        return "the number of devices is not stated"
    if row["count"].upper().startswith(("DEP", "EP")):
        return "expert parallelism, no term of the model"
    batch = _batch(row)
    prompt, output = _number(row["input_len"]), _number(row["output_len"])
    if batch is None or prompt is None or output is None:
        return "batch, prompt or output length is not given"
    if name.share != 1:
        converted.append("a die counted as its share of the package")
    if name.chip is None:
        device = Device("", row["chip"], row["chip"].split()[0], None, None, None)
    else:
        device = Device.of(name.chip, number_format, name.share)
    if row["framework"].casefold().startswith("tensorrt") and number_format.id in ("fp8", "fp4"):
        stack = replace(stack, kv_bits=8.0)
    eager = "eager" in row["note"].casefold() and "enforce_eager=false" not in row["note"].casefold()
    situation = Situation(
        model, number_format, device, int(count[0]), stack, int(batch), int(prompt), max(1, int(output)), eager
    )
    return situation, tuple(converted)


def _batch(row: Row) -> float | None:
    if not row["batch"]:
        return _UNBOUNDED_BATCH if "max throughput" in row["phase"] else None
    found = re.match(r"[\d.]+", row["batch"])
    return None if found is None else float(found[0])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class _Rule:
    """An entry of ``exclusions.yaml``."""

    reason: str
    where: dict[str, str]
    value_below: float | None = None

    def fits(self, row: Row) -> bool:
        value = _number(row["value"])
        if self.value_below is not None and (value is None or value >= self.value_below):
            return False
        return all(
            column in row.columns and re.search(pattern, row[column], re.IGNORECASE)
            for column, pattern in self.where.items()
        )


@cache
def _rules() -> tuple[_Rule, ...]:
    rules = []
    for entry in document("exclusions.yaml", "rules").items("rules"):
        rule = facts.record(_Rule, entry)
        for column, pattern in rule.where.items():
            facts.check_pattern(entry.within(entry.value["where"]), column, pattern)
        rules.append(rule)
    return tuple(rules)


def _excluded_by_rule(row: Row) -> str | None:
    return next((rule.reason for rule in _rules() if rule.fits(row)), None)
