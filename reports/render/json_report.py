"""``report.json``: the stable, machine-readable form. Its JSON Schema is ``reports/render/schemas/report-1.json``.

``model``, ``workload``, ``targets`` and ``conclusions`` describe the first group; groups that did other work stand in
``other_groups``, so that a reader of the stable part can never mix what does not compare.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from profiler.metrics.catalogue import COMMON, METRICS
from profiler.records.bundle import Bundle, target_file
from profiler.records.index import WorkloadRecord
from profiler.records.parity import ArithmeticScore, ParityScore
from reports.document import notation
from reports.document.language import ENGLISH
from reports.document.sections.brief import brief
from reports.document.sections.difference import difference
from reports.document.sections.reasons import why_labelled
from reports.document.sections.summary import summary
from reports.judge.comparison.comparison import Comparison, Row, compare
from reports.judge.comparison.ratio import Ratio
from reports.judge.comparison.samples import counted
from reports.judge.judgement import GroupJudgement, Judgement, judge
from reports.render.json_sections import (
    compiled_document,
    dependence_document,
    extended_document,
    origin_document,
    roofline_document,
)
from reports.render.projection_json import projections_document

SCHEMA_ID = "chipassay.report/1"
SCHEMA_FILE = Path(__file__).with_name("schemas") / "report-1.json"


def render_json(judgement: Judgement) -> str:
    """The document as indented JSON, full precision."""
    text = io.StringIO()  # dumps would hold every word of the document as a separate string
    json.dump(report_document(judgement), text, indent=1, ensure_ascii=False, allow_nan=False)
    return text.getvalue() + "\n"


def dependence_of_bundle(bundle: Bundle) -> dict[str, Any]:
    """Return the ``dependence`` of the report of one bundle."""
    found: dict[str, Any] = report_document(judge(compare([bundle])))["dependence"]
    return found


def report_document(judgement: Judgement) -> dict[str, Any]:
    """The document as plain Python values."""
    comparison = judgement.comparison
    first, *others = [_group(judged) for judged in judgement.groups]
    return {
        "schema": SCHEMA_ID,
        **first,
        "other_groups": [
            {"difference": difference(comparison.groups[0], group, ENGLISH), **other}
            for group, other in zip(comparison.groups[1:], others, strict=True)
        ],
        "unread_bundles": [{"path": path, "reason": reason} for path, reason in comparison.unread],
        "bundles": [_bundle(bundle, comparison) for bundle in comparison.bundles],
        "definitions": {
            metric.name: {
                "title": metric.title, "unit": metric.unit, "better": metric.better, "definition": metric.definition,
            }
            for metric in METRICS
        },
    }  # fmt: skip


def report_schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12) of the document."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def _group(judged: GroupJudgement) -> dict[str, Any]:
    group, comparison = judged.group, judged.comparison
    spec, work = group.model.spec, group.workload
    return {
        "model": {
            "name": spec.name, "digest": group.model.digest, "architecture": spec.architecture, "layers": spec.layers,
            "parameters": spec.parameters, "active_parameters": spec.active_parameters(),
            "weights": group.model.weights_kind, "hub_id": spec.hub_id,
            "storage": to_builtins(group.model.storage), "routing": to_builtins(group.model.routing),
        },
        "workload": {
            "name": work.name, "digest": work.digest, "token_source": work.token_source, "batch": work.batch,
            "prompt_tokens": work.prompt_tokens, "output_tokens": work.output_tokens,
            **_inputs(work),
        },
        "targets": [_target(row, judged) for row in group.rows],
        "unfinished_targets": [{"machine": machine, "id": name} for machine, name in group.unfinished],
        "conclusions": {
            "summary": list(summary(group, comparison, ENGLISH)),
            "fastest": group.fastest.label if group.fastest else None,
            "comparable": [row.label for row in group.conclusive],
            "brief": to_builtins(brief(judged)),
        },
        "dependence": dependence_document(judged),
        **projections_document(judged),
    }  # fmt: skip


def _inputs(work: WorkloadRecord) -> dict[str, Any]:
    """Return the picture, the thought and the turns of a workload, as far as it has them."""
    found: dict[str, Any] = {}
    if work.image:
        found["image"] = to_builtins(work.image)
    if work.thinking_tokens:
        found["thinking_tokens"] = work.thinking_tokens
    if work.conversation:
        found |= {"turns": 1 + len(work.conversation.later_ids), "prefix_cache": work.conversation.prefix_cache}
    return found


def _target(row: Row, judged: GroupJudgement) -> dict[str, Any]:
    record = row.record
    worker = record.worker
    chip = row.chip
    group, study = judged.group, judged.study
    found = study.standings[row.place]
    runs = counted(record)
    names = dict.fromkeys([metric.name for metric in COMMON] + list(record.metrics))
    return {
        "id": record.id,
        "label": row.label,
        "status": record.status,
        "machine": row.machine,
        "machine_fingerprint": row.bundle.host.fingerprint,
        "backend": record.backend,
        "device": record.device,
        "precision": record.precision,
        "threads": record.threads,
        "hardware": {
            "chip": chip.name if chip else None,
            "vendor": chip.vendor if chip else None,
            "designer_country": chip.designer_country if chip else None,
            "foundry": found.chip.foundry if found.chip else None,
            "foundry_country": found.chip.foundry_country if found.chip else None,
            "memory_type": found.chip.memory_type if found.chip else None,
            "catalogue_ids": [chip.id for chip in found.chips],
            "export_control": {
                "label": found.label, "possible_labels": list(found.possible_labels), "rule": found.rule,
                "citation": found.citation, "as_of": found.as_of.isoformat(), "destination": found.destination,
                "restricted": found.restricted, "reason": why_labelled(found),
            },
        },
        "parity": _parity(record.parity, row) if record.parity else None,
        "metrics": {name: to_builtins(row.metric(name)) for name in names},
        "relative_decode_throughput": _ratio(group.relative_speed(row)),
        "roofline": roofline_document(row, study, group),
        "origin": origin_document(row, found),
        "engine": {
            "name": worker.engine.engine, "version": worker.engine.version, "arithmetic": worker.engine.arithmetic,
            "cache_precision": worker.engine.cache_precision,
        } if worker else None,
        "repetitions": {
            "counted": len(runs), "warmup": len(worker.repetitions) - len(runs), "warmup_steady": worker.warmup_steady,
            "disturbed": sum(bool(run.spoilers) for run in runs), "stop_reason": worker.stop_reason,
        } if worker else None,
        "failure": to_builtins(record.failure),
        "extended": extended_document(row),
        "compiled": compiled_document(row, group),
        "operators": to_builtins(record.operators),
        "raw": {"bundle": str(row.bundle.path), "file": target_file(record.id)},
    }  # fmt: skip


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {
        "value": ratio.value, "ci95": list(ratio.ci95) if ratio.ci95 else None, "n": list(ratio.samples),
        "method": ratio.method,
    }  # fmt: skip


def _parity(score: ParityScore, row: Row) -> dict[str, Any]:
    """A reading that was not finite is null: it failed, and has no size."""
    return {
        "top1_agreement": score.top1_agreement,
        "kl_mean": score.kl_mean if score.kl_mean < notation.NOT_FINITE else None,
        "max_abs_logit_error": score.max_abs_logit_error if score.max_abs_logit_error < notation.NOT_FINITE else None,
        "passed": score.passed,
        "positions": score.positions,
        "greedy_prefix_tokens": score.greedy_prefix_tokens,
        "thresholds": score.thresholds,
        "weights": score.weights,
        "hidden_reason": score.hidden_reason,
        "arithmetic": _arithmetic(score.arithmetic) if score.arithmetic else None,
        "simulated_scope": row.compiled.parity_scope if row.modelled else None,
    }


def _arithmetic(score: ArithmeticScore) -> dict[str, Any]:
    figures = {name: getattr(score, name) for name in ("kl_mean", "kl_median", "max_abs_logit_error", "weight_error")}
    return {
        "top1_agreement": score.top1_agreement,
        **{name: value if value < notation.NOT_FINITE else None for name, value in figures.items()},
        "passed": score.passed,
        "thresholds": score.thresholds,
    }


def _bundle(bundle: Bundle, comparison: Comparison) -> dict[str, Any]:
    index, host = bundle.index, bundle.host
    ceilings = {
        device: {
            "threads": found.threads,
            "read_bandwidth": to_builtins(found.read_bandwidth),
            "gemm": to_builtins(found.gemm),
        }
        for device, found in bundle.ceilings.items()
    }
    return {
        "path": str(bundle.path),
        "machine": comparison.machines[host.fingerprint],
        "created": index.created,
        "state": index.state,
        "chipassay_version": index.chipassay_version,
        "command": index.command,
        "model_digest": index.model.digest,
        "workload_digest": index.workload.digest,
        "files": index.files,
        "ceilings": ceilings,
        "host": to_builtins(host),
    }
