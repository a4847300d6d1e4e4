"""The raw samples of a target as the report draws and compares them; warm-ups never take part."""

from __future__ import annotations

from dataclasses import dataclass

from profiler.records.target import Repetition, TargetRecord, decode_rate
from profiler.statistics.medians import median


@dataclass(frozen=True, slots=True)
class TokenTime:
    """The time of one output token over all repetitions, in ms. ``token`` counts from 1; the first belongs to TTFT."""

    token: int
    median_ms: float
    low_ms: float
    high_ms: float


def counted(record: TargetRecord) -> tuple[Repetition, ...]:
    """Repetitions that are not warm-ups, in the order they ran."""
    return tuple(run for run in (record.worker.repetitions if record.worker else ()) if not run.warmup)


def decode_rates_tok_per_s(record: TargetRecord) -> list[float]:
    """Decode throughput of each repetition that is not a warm-up, in the order they ran."""
    return [rate for run in counted(record) if (rate := decode_rate(run)) is not None]


def prompt_rates_tok_per_s(record: TargetRecord, prompt_tokens: int) -> list[float]:
    """Prefill throughput of each repetition that is not a warm-up: ``prompt_tokens`` of all sequences over TTFT."""
    return [prompt_tokens * len(run.token_ids) / (run.token_ns[0] / 1e9) for run in counted(record)]


def token_times(record: TargetRecord) -> list[TokenTime]:
    """Per output token from the second on: the median and the range over the repetitions."""
    runs = [run.token_ns for run in counted(record)]
    times = []
    for at in range(1, min((len(run) for run in runs), default=0)):
        gaps_ms = [(run[at] - run[at - 1]) / 1e6 for run in runs]
        times.append(TokenTime(at + 1, median(gaps_ms), min(gaps_ms), max(gaps_ms)))
    return times
