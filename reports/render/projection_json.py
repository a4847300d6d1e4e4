"""Projections and their track record as plain values, for ``--json`` and the report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reports.document.language import ENGLISH
from reports.document.sections.reasons import note_text
from reports.judge.judgement import GroupJudgement
from reports.judge.projection.explain import Explanation
from reports.judge.projection.groups import TITLES
from reports.judge.projection.projection import ChipProjection, Projected, Projection
from reports.judge.projection.track_record import TrackRecord, track_record


def projection_json(
    found: Projection, record: TrackRecord | None = None, *, explained: tuple[Explanation, ...] | None = None
) -> dict[str, Any]:
    """The projection, its track record beside it, and the parameters where they were asked for."""
    made: dict[str, Any] = {
        "schema": found.model_version,
        "model": found.model,
        "precision": found.precision,
        "workload": {
            "batch": found.batch, "prompt_tokens": found.prompt_tokens, "output_tokens": found.output_tokens,
        },
        "evidence": {"published_figures": found.published_figures, "own_figures": found.own_figures},
        "chips": [_chip(chip) for chip in found.chips],
    }  # fmt: skip
    if explained is not None:
        made["explanations"] = [asdict(one) for one in explained]
    if record is not None:
        made["track_record"] = track_record_json(record)
    return made


def _chip(chip: ChipProjection) -> dict[str, Any]:
    return {
        "id": chip.chip_id,
        "name": chip.chip_name,
        "vendor": chip.vendor,
        "stack": chip.stack,
        "devices": chip.devices,
        "fits": chip.fits,
        "results_on_this_chip": chip.seen,
        "anchored_to": chip.anchor,
        "figures": {name: _figure(figure) for name, figure in chip.figures.items()},
        "notes": [note_text(note, ENGLISH) for note in chip.notes],
    }


def _figure(figure: Projected) -> dict[str, Any]:
    quantity = figure.quantity
    return {
        "value": quantity.value,
        "unit": quantity.unit,
        "grade": quantity.grade,
        "method": note_text(figure.why, ENGLISH) if figure.why else quantity.method,
        "n": quantity.n,
        "interval_80": None if figure.interval_80 is None else list(figure.interval_80),
    }


def track_record_json(record: TrackRecord) -> dict[str, Any]:
    """The scores, ``groups``, with what became of the rows."""
    return {
        "schema": record.schema,
        "model_version": record.model_version,
        "rows": record.rows,
        "conversions": record.conversions,
        "exclusions": record.exclusions,
        "shared_figures": record.shared_rows,
        "groups": [{**asdict(score), "title": TITLES[score.group]} for score in record.scores],
    }


def projections_document(judged: GroupJudgement) -> dict[str, Any]:
    """The ``projections`` of ``report.json``, as an entry to merge; empty if no chip was asked for."""
    found = judged.projection
    return {} if found is None else {"projections": projection_json(found, track_record())}
