"""The judged sections of ``report.json`` as plain values: dependence, roofline, origin, and what compilers said."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from msgspec import to_builtins

from reports.document.language import ENGLISH
from reports.document.sections.boards import board_documents
from reports.document.sections.dependence import reason_text
from reports.document.sections.gaps import no_gap_text
from reports.document.sections.roofline import verdict_of
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.processor import host_processor
from reports.judge.comparison.standing import Standing
from reports.judge.dependence import Factors, Loss, Study
from reports.judge.dependence.decompose import Gap
from reports.judge.dependence.study import PhaseStudy, processor_key
from reports.judge.judgement import GroupJudgement
from reports.judge.origin import origin_of, placement
from reports.judge.roofline import BASES, PHASES, Position
from reports.judge.roofline.published import usual_range
from reports.render.operators_json import operator_dependence_document


def dependence_document(judged: GroupJudgement) -> dict[str, Any]:
    """Losses, devices to match and decompositions of one group.

    ``status`` says whether any loss could be computed; the decomposition of gaps does not hang on it.
    """
    group, comparison, study = judged.group, judged.comparison, judged.study
    document: dict[str, Any] = {
        "status": "computed" if study.computed else "not_computed",
        "as_of": comparison.as_of.isoformat(),
        "destination": comparison.destination,
        "feasible": [
            {"label": one.label, "processor": one.processor, "restricted": one.restricted}
            for one in study.decode.candidates
        ],
        "infeasible": [
            {"label": row.label, "status": row.record.status,
             "reason": row.record.failure.reason if row.record.failure else _why_rejected(row)}
            for row in study.infeasible
        ],
        "modelled": [
            {"label": row.label, "processor": processor_key(row, study.standings[row.place]),
             "restricted": study.standings[row.place].restricted}
            for row in study.modelled
        ],
        "operators": operator_dependence_document(group.rows),
        "phases": {one.phase: _phase(one, study) for one in study.phases},
        "energy_dependence": _loss(study.energy, study),
    }  # fmt: skip
    if not study.computed:
        document["reason"] = reason_text(study.reason, study, ENGLISH)
    return document


def _why_rejected(row: Row) -> str:
    return ENGLISH("operators.rejects", operators=ENGLISH.listing(row.rejected)) if row.rejected else ""


def _phase(one: PhaseStudy, study: Study) -> dict[str, Any]:
    return {
        "throughput_dependence": _loss(one.loss, study),
        "devices_to_match": to_builtins(one.matches),
        "decomposition": {
            "basis": one.basis,
            "common_precision": one.factors[0].common_precision if one.factors else None,
            "targets": [_factors(taken) for taken in one.factors],
            "gap": _gap(one.gap) if one.gap else None,
            "reason": no_gap_text(one, ENGLISH),
        },
    }


def _loss(loss: Loss, study: Study) -> dict[str, Any]:
    if loss.reason:
        return {"status": "not_computed", "reason": reason_text(loss.reason, study, ENGLISH)}
    assert loss.bounds is not None
    return {
        "status": "computed",
        "value": loss.value,
        "range": list(loss.bounds),
        "grade": loss.grade,
        "method": loss.method,
        "worlds": to_builtins(loss.worlds),
    }


def _factors(taken: Factors) -> dict[str, Any]:
    return {
        "label": taken.label, "bound": taken.bound, "speed_tok_s": taken.speed_tok_s, "ln_silicon": taken.silicon,
        "ln_precision": taken.precision, "ln_software": taken.software, "silicon_grade": taken.silicon_grade,
        "silicon_method": taken.silicon_method, "software_grade": taken.software_grade,
    }  # fmt: skip


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "faster": gap.faster, "slower": gap.slower, "ln_ratio": gap.log_ratio,
        "terms": [
            {"name": term.name, "ln": term.log_ratio, "factor": term.factor, "grade": term.grade, "method": term.method}
            for term in gap.terms
        ],
    }  # fmt: skip


def extended_document(row: Row) -> dict[str, Any] | None:
    """The depths that ran, and the lines through them; None for a target that ran whole or not at all."""
    extended = row.record.extended
    if extended is None:
        return None
    return {
        "layers": extended.layers,
        "depths": [
            {
                "layers": one.layers, "use": one.use, "record": one.record, "failure": to_builtins(one.failure),
                "parity_passed": one.parity.passed if one.parity else None, "metrics": to_builtins(one.figures),
            }
            for one in extended.depths
        ],
        "lines": to_builtins(extended.lines),
    }  # fmt: skip


def roofline_document(row: Row, study: Study, group: Group) -> dict[str, Any] | None:
    """What each phase needed, what was reached of each ceiling, and a sentence; None without samples."""
    places = {phase: study.positions[row.place, phase] for phase in PHASES if (row.place, phase) in study.positions}
    if not places:
        return None
    found, batch = study.standings[row.place], group.workload.batch
    document: dict[str, Any] = {phase: _position(place) for phase, place in places.items()}
    document["published"] = _published(row, places.get("decode"), found, batch)
    document["verdict"] = verdict_of(row, study, group, ENGLISH)
    return document


def _position(place: Position) -> dict[str, Any]:
    return {
        "flops": place.work.flops,
        "bytes": place.work.bytes_moved,
        "tokens_per_pass": place.work.tokens,
        "intensity_flop_per_byte": place.work.intensity_flop_per_byte,
        "throughput": to_builtins(place.throughput),
        "flop_per_s": place.flop_per_s,
        "byte_per_s": place.byte_per_s,
        **{
            basis: {
                "read_bandwidth": to_builtins(place.reached(basis).roof.bandwidth),
                "matrix_product": to_builtins(place.reached(basis).roof.compute),
                "mbu": to_builtins(place.reached(basis).mbu),
                "mfu": to_builtins(place.reached(basis).mfu),
                "bound": place.reached(basis).bound,
            }
            for basis in BASES
        },
    }


def _published(row: Row, place: Position | None, found: Standing, batch: int) -> dict[str, Any] | None:
    usual = usual_range(found.chip, place.work, row.record.precision, batch) if place else None
    if place is None or usual is None or place.declared.mbu.value is None:
        return None
    return {
        "place": usual.place(place.declared.mbu.value),
        "share_of_declared_bandwidth": [usual.shares[0], usual.shares[-1]],
        "n": len(usual.shares),
        "figures": [
            {"model": one.model, "framework": one.framework, "context_tokens": one.context_tokens,
             "decode_tok_s": one.decode_tok_s, "definition": one.definition,
             "includes_prefill": one.includes_prefill, "source": one.source, "confidence": one.confidence,
             "row": one.place}
            for one in usual.figures
        ],
    }  # fmt: skip


def origin_document(row: Row, found: Standing) -> dict[str, Any]:
    """Where each part of the path comes from, and how much of the work ran on its chip."""
    origin = origin_of(row, found)
    return {
        "parts": [
            {
                "role": part.role, "name": part.name, "company": part.company, "country": part.country,
                "other_countries": list(part.also), "confidence": part.confidence, "sources": list(part.sources),
            }
            for part in origin.parts
        ],
        "work_share": origin.work_share,
        "work_share_known_by": origin.share_key,
        "placement": to_builtins(placement(row.record)),
    }  # fmt: skip


def compiled_document(row: Row, group: Group) -> dict[str, Any] | None:
    """Return the vendor's figures of every graph, what they leave out, and published results of boards."""
    if not row.modelled:
        return None
    host = host_processor(row.record, row.bundle.host)
    return {
        **asdict(row.compiled),
        "simulated_on": host.name if host else None,
        "board_results": board_documents(row, group),
    }
