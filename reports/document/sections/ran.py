"""How each target ran, and what ran on all of them, as (name, value) facts."""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract.backend import Trial
from profiler.disturbance.verdict import disturbance
from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import Bundle
from profiler.records.index import WorkloadRecord
from profiler.records.quantity import Quantity
from profiler.records.readings import WALL, Telemetry
from profiler.records.target import Measured
from reports.document import notation
from reports.document.language import Words
from reports.document.model import MOST_LISTED, MOST_OPEN, Facts, Fold, GroupView, Section, Several
from reports.document.sections.modelled_facts import examined_facts
from reports.document.sections.standing import standing_facts
from reports.document.sections.stored import stored_facts
from reports.document.sections.summary import disturbed_text
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.samples import counted

_SIZES = (
    "parameters", "non_embedding_parameters", "decode_flops_per_token", "prefill_flops", "vision_parameters",
    "image_flops",
)  # fmt: skip
_UNITS = {"hz": (1e-6, "MHz"), "c": (1.0, "°C"), "w": (1.0, "W"), "bytes": (1e-9, "GB")}


def how_ran(view: GroupView, say: Words) -> Section | None:
    """Return engine, software, meters and processor of each target; None if no target reported any."""
    rows = [row for row in view.group.rows if row.reported]
    folds = [
        Fold(
            row.label,
            (Facts((*run_facts(row, say), *standing_facts(row, view.comparison, say))),),
            "provenance-card",
            opened=len(rows) <= MOST_OPEN,
            place=row.place if row.conclusive else None,
        )
        for row in rows
    ]
    return Section("how_ran", say("page.how_ran"), (Several(tuple(folds), MOST_LISTED),)) if folds else None


def what_ran(view: GroupView, say: Words) -> Section:
    """Return model and workload."""
    facts = (*model_facts(view.group.bundles[0], say), *stored_facts(view.group, say), *workload_facts(view.group, say))
    return Section("what_ran", say("page.what_ran"), (Facts(facts),))


def model_facts(bundle: Bundle, say: Words) -> list[tuple[str, str]]:
    """Return digest, weights and computed sizes of the model."""
    model = bundle.index.model
    if model.weights_kind == "synthetic":
        weights = say("facts.weights.synthetic", seed=model.seed)
    else:
        weights = say("facts.weights.checkpoint", path=model.checkpoint)
    facts = [
        (say("facts.model"), model.spec.name),
        (say("facts.architecture"), model.spec.architecture),
        (say("facts.weights"), weights),
    ]
    facts += [(_size_name(key, say), notation.count(value)) for key, value in bundle.index.model_facts.items()]
    return [*facts, (say("facts.model_digest"), model.digest)]


def _size_name(key: str, say: Words) -> str:
    """Return a computed size in words; one this version does not know keeps its name."""
    if key.startswith("weight_bytes_"):
        return say("facts.size.weight_bytes", precision=key.removeprefix("weight_bytes_"))
    return say(f"facts.size.{key}") if key in _SIZES else key.replace("_", " ").capitalize()


def workload_facts(group: Group, say: Words) -> list[tuple[str, str]]:
    """Return what was run."""
    work = group.workload
    return [
        (say("facts.workload"), work.name),
        (say("facts.batch"), str(work.batch)),
        (say("facts.prompt_tokens"), str(work.prompt_tokens)),
        (say("facts.output_tokens"), str(work.output_tokens)),
        *_input_facts(work, say),
        (say("facts.token_source"), say(f"facts.token_source.{work.token_source}")),
        (say("facts.workload_digest"), work.digest),
    ]


def _input_facts(work: WorkloadRecord, say: Words) -> list[tuple[str, str]]:
    """Return the picture, the thought and the further turns of a workload that has them."""
    facts = []
    if image := work.image:
        size = say("facts.image_text", width=image.width, height=image.height, count=image.tokens, digest=image.sha256)
        facts.append((say("facts.image"), size))
    if work.thinking_tokens:
        facts.append((say("facts.thinking_tokens"), str(work.thinking_tokens)))
    if talk := work.conversation:
        cache = say("facts.prefix_cache.on" if talk.prefix_cache else "facts.prefix_cache.off")
        added = len(talk.later_ids[0][0])
        facts.append((say("facts.turns"), say("facts.turns_text", count=1 + len(talk.later_ids), added=added)))
        facts.append((say("facts.prefix_cache"), cache))
    return facts


def run_facts(row: Row, say: Words) -> list[tuple[str, str]]:
    """Return how one target was executed and measured, or what its vendor's tools reported instead."""
    if row.modelled:
        return examined_facts(row, say)
    measured = row.record.measured
    if measured is None:
        return []
    worker = measured.worker
    engine = worker.engine
    runs = counted(row.record)
    warmups = len(worker.repetitions) - len(runs)
    steady = say("facts.steady" if worker.warmup_steady else "facts.not_steady")
    disturbed = disturbed_text(disturbance(runs), say) or say("facts.undisturbed")
    engine_text = say.clauses(
        [f"{engine.engine} {engine.version}", *([details(engine.details, say)] if engine.details else [])]
    )
    facts = [
        (say("facts.engine"), engine_text),
        (say("facts.arithmetic"), say("facts.arithmetic_text", arithmetic=engine.arithmetic,
                                      cache=engine.cache_precision, count=row.record.threads)),
        (say("facts.loading"), notation.with_unit(worker.load_s, "s")),
        (say("facts.repetitions"), say("facts.repetitions_text", count=len(runs), warmups=warmups, steady=steady,
                                       stopped=say.quoted(worker.stop_reason))),
        (say("facts.disturbed"), disturbed),
        *_expert_facts(row, say),
    ]  # fmt: skip
    facts += [(say("facts.trial", work=say.quoted(trial.work)), trial_text(trial, say)) for trial in worker.trials]
    packages = ", ".join(f"{name} {version}" for name, version in worker.packages.items())
    facts.append((say("facts.packages"), packages or say("facts.none_recorded")))
    facts += metering_facts(row, measured, say)
    if worker.environment:
        variables = ", ".join(f"{key}={value}" for key, value in worker.environment.items())
        facts.append((say("facts.environment"), variables))
    if measured.preparation:
        facts.append((say("facts.preparation"), details(measured.preparation, say)))
    return facts


def trial_text(trial: Trial, say: Words) -> str:
    """Return how one way to execute fared when it was tried; its one-off cost is not part of the time of the work."""
    way, ready = say.quoted(trial.way), notation.with_unit(trial.ready_s, "s")
    if trial.duration_s is None:
        return say("facts.trial.failed", way=way, ready=ready, failure=say.quoted(trial.failure))
    took = notation.with_unit(trial.duration_s, "s")
    return say("facts.trial.chosen" if trial.chosen else "facts.trial.slower", way=way, took=took, ready=ready)


def metering_facts(row: Row, measured: Measured, say: Words) -> list[tuple[str, str]]:
    """Return figures of energy, power and memory without a column, faults of the meter, and the device's state."""
    facts = [
        (say.title(metric), figure_text(figure, say))
        for metric in METRICS
        if metric.column == "details" and (figure := row.metric(metric.name)).value is not None
    ]
    for reading in measured.readings:
        if reading.energy is not None and reading.energy.faults:
            faults = say.clauses([f"{fault.code}: {say.quoted(fault.text)}" for fault in reading.energy.faults])
            facts.append((say("facts.meter", meter=reading.energy.meter), faults))
    wall = measured.reading(WALL)
    if wall.energy is not None:
        facts.append((say("facts.wall_meter"), details(wall.energy.device, say)))
    elif wall.reason:
        facts.append((say("facts.wall_meter"), say("facts.wall_meter.not_read", reason=say.quoted(wall.reason))))
    if measured.telemetry is not None:
        name = say("facts.telemetry", source=measured.telemetry.source)
        facts.append((name, telemetry_text(measured.telemetry, say)))
    if measured.sampler is not None:
        cost = measured.sampler
        share = f"{100 * (cost.cpu_s / cost.wall_s if cost.wall_s else 0.0):.2f}"
        facts.append((say("facts.watching"), say("facts.watching_text", count=cost.reads, share=share)))
    return facts


def _expert_facts(row: Row, say: Words) -> list[tuple[str, str]]:
    """Return the experts that a decode step touches, counted or estimated."""
    spec, worker = row.spec, row.record.worker
    if spec.experts is None or worker is None:
        return []
    uniform = notation.number(spec.distinct_experts(row.batch))
    count = spec.experts.count
    if use := worker.expert_use:
        text = say("facts.experts_counted", distinct=notation.number(use.distinct), count=count, uniform=uniform)
    else:
        text = say("facts.experts_uniform", uniform=uniform, count=count)
    return [(say("facts.experts"), text)]


def telemetry_text(seen: Telemetry, say: Words) -> str:
    """Return the range of every column, the processes that are not ours, and what could not be read."""
    parts = []
    for column, (low, high) in seen.extremes.items():
        if column == "clock_event_reasons":
            held = [f"{name} {100 * share:.0f} %" for name, share in seen.clock_events.items()]
            parts.append(say("telemetry.clock_events", events=say.enumeration(held) or say("telemetry.no_event")))
            continue
        name, _, unit = column.rpartition("_")
        scale, symbol = _UNITS.get(unit, (1.0, ""))
        values = notation.number(low * scale) + ("" if low == high else f"–{notation.number(high * scale)}")
        parts.append(f"{(name if unit in _UNITS else column).replace('_', ' ')} {values} {symbol}".strip())
    if seen.power_scope:
        parts.append(say("telemetry.power_scope", scope=say.quoted(seen.power_scope)))
    if seen.caveat:
        parts.append(say.quoted(seen.caveat))
    if polling := seen.polling:
        parts.append(say("telemetry.polled", period=f"{polling.period_s:.3g}", call=f"{polling.call_s:.3g}"))
        if polling.failed_calls:
            parts.append(say("telemetry.failed_calls", calls=polling.failed_calls))
    if seen.processes:
        named = [f"{process.pid} {process.name}".strip() for process in seen.processes]
        parts.append(say("telemetry.processes", processes=say.enumeration(named)))
    if seen.unresolved_processes:
        parts.append(say("telemetry.unresolved", count=seen.unresolved_processes))
    for column, why in seen.unread.items():
        parts.append(say("telemetry.unread", column=column.replace("_", " "), why=say.quoted(why)))
    return say.clauses(parts)


def figure_text(figure: Quantity, say: Words) -> str:
    """Return a figure with its grade and how it was found."""
    value = notation.quantity(figure)
    return say("facts.figure", value=value, grade=say(f"grade.{figure.grade}"), method=say.quoted(figure.method))


def details(facts: Mapping[str, object], say: Words) -> str:
    """Return what an engine or a device reported, as ``key: value`` pairs in one line."""
    return say.enumeration(
        [f"{say.quoted(key.replace('_', ' '))}: {_plain(value, say)}" for key, value in facts.items()]
    )


def _plain(value: object, say: Words) -> str:
    if isinstance(value, bool):
        return say("facts.yes" if value else "facts.no")
    if isinstance(value, int) and abs(value) >= 10_000:
        return notation.count(value)
    return say.quoted(str(value))
