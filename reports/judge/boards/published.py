"""Published results of whole models on boards: ``published_boards.yaml``, validated on load, each with its source."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from backends.common import facts
from backends.common.errors import unknown
from backends.common.yaml_lines import Located
from backends.qwen.model import BITS_PER_WEIGHT
from profiler.chips import load_chips
from profiler.models.presets import presets

SCHEMA = "chipassay.published-boards/1"
FILE = "published_boards.yaml"
_UNITS = {"decode_throughput": "tok/s", "ttft": "s"}


@dataclass(frozen=True, slots=True)
class BoardSource:
    """Where results were read, and when."""

    id: str
    where: str
    retrieved: datetime.date
    note: str = ""


@dataclass(frozen=True, slots=True)
class PublishedBoard:
    """One published figure of one model on one board, batch 1.

    ``sequence_tokens`` is the static length the model was compiled for; ``cores`` of the chip run it;
    ``published_precision`` is the publisher's word, ``precision`` ours for the weights.
    """

    model: str
    chip: str
    board: str
    precision: str
    published_precision: str
    cores: int
    sequence_tokens: int
    metric: Literal["decode_throughput", "ttft"]
    value: float
    unit: Literal["tok/s", "s"]
    program: str
    source: BoardSource
    note: str = ""


@cache
def published_boards() -> tuple[PublishedBoard, ...]:
    """Every published result, in the order of the file."""
    return load_published_boards(files("reports.judge.boards").joinpath(FILE).read_text(encoding="utf-8"), FILE)


def load_published_boards(text: str, origin: str) -> tuple[PublishedBoard, ...]:
    """Results from YAML; errors name file, line and field."""
    root = facts.document(text, origin, SCHEMA, ("sources", "results"))
    sources = facts.records(BoardSource, root, "sources", make=_source)
    return tuple(_result(entry, sources) for entry in root.items("results"))


def _source(entry: Located) -> BoardSource:
    source = facts.record(BoardSource, entry)
    if not source.where.startswith("https://"):
        raise entry.error("where: must be an address that can be opened", "where")
    return source


def _result(entry: Located, sources: dict[str, BoardSource]) -> PublishedBoard:
    source = str(entry.value.get("source", ""))
    facts.check_sources(entry, [source] if source else [], sources)
    result = facts.record(PublishedBoard, entry, {**entry.value, "source": asdict(sources[source])})
    known: dict[str, Any] = {
        "model": presets(),
        "chip": [chip.id for chip in load_chips().chips],
        "precision": BITS_PER_WEIGHT,
    }
    for key, names in known.items():
        if getattr(result, key) not in names:
            raise entry.error(f"{key}: {unknown(key, getattr(result, key), names)}", key)
    facts.check_positive(entry, result, ("value", "cores", "sequence_tokens"))
    if result.unit != _UNITS[result.metric]:
        raise entry.error(f"unit: {result.metric} is in {_UNITS[result.metric]}, not {result.unit}", "unit")
    return result
