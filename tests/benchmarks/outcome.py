"""Everything one run of the benchmark found: what the table shows, and all samples behind it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.race import Heat
from tests.benchmarks.score import Entry
from tests.benchmarks.wanted import Wish


@dataclass(frozen=True, slots=True)
class Outcome:
    """Written as JSON; ``heats`` carry every repetition and every sample of the ceilings."""

    created: str
    machine: str
    model: str
    prompt_tokens: int
    output_tokens: int
    threads: int
    versions: tuple[str, ...]
    entries: tuple[Entry, ...]
    heats: tuple[Heat, ...]
    absent: dict[str, str]
    """Contender -> why it did not run."""
    wishes: tuple[Wish, ...]
