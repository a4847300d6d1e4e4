"""How well projections have held on results the model was not fitted to: shipped with the project, made by the
back-test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from reports.judge.projection.backtest import Outcome, Score, backtest, backtest_external, scores
from reports.judge.projection.data import text_of
from reports.judge.projection.evidence import Evidence, own_evidence
from reports.judge.projection.projection import MODEL_VERSION

SCHEMA = "chipassay.track-record/1"
_FILE = "track_record.json"
_CODE = (
    "step.py",
    "fitting.py",
    "intervals.py",
    "groups.py",
    "evidence.py",
    "situation.py",
    "formats.py",
    "dimensions.py",
)
_DATA = (
    "published_results.csv", "qwen_speed.csv", "architectures.yaml", "formats.yaml", "stacks.yaml", "chip_names.yaml",
    "exclusions.yaml",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Scores by what was left out, group and chip family, and what became of the rows they rest on.

    ``made_from`` is a digest of the data and the model: a record made from others is not shown.
    """

    schema: str
    model_version: str
    made_from: str
    rows: dict[str, int]
    conversions: dict[str, int]
    exclusions: dict[str, int]
    scores: tuple[Score, ...]
    shared_rows: int = 0
    """Of an external file: figures that the project's own data hold too."""


@cache
def track_record() -> TrackRecord:
    """The project's own: read from the file it ships, or made anew where data or model have changed since."""
    text = files("reports.judge.projection.data").joinpath(_FILE)
    if text.is_file():
        try:
            found = msgspec.json.decode(text.read_bytes(), type=TrackRecord)
        except msgspec.DecodeError:
            return make_track_record()
        if found.made_from == digest():
            return found
    return make_track_record()


def make_track_record() -> TrackRecord:
    """Run the back-test on the project's own data."""
    return _record(own_evidence(), backtest(own_evidence()))


def external_track_record(external: Evidence) -> TrackRecord:
    """Predict the rows of another file from the project's own data."""
    outcomes, shared = backtest_external(own_evidence(), external)
    return _record(external, outcomes, shared)


def _record(evidence: Evidence, outcomes: tuple[Outcome, ...], shared: int = 0) -> TrackRecord:
    return TrackRecord(
        SCHEMA,
        MODEL_VERSION,
        digest(),
        evidence.counts,
        evidence.conversions,
        evidence.reasons,
        scores(outcomes),
        shared,
    )


@cache
def digest() -> str:
    """SHA-256 over the data and the code that make the track record."""
    found = hashlib.sha256()
    for name in _DATA:
        found.update(text_of(name).encode())
    for name in _CODE:
        found.update(files("reports.judge.projection").joinpath(name).read_bytes())
    return found.hexdigest()
