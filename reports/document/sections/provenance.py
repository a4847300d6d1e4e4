"""Where the figures come from, as (name, value) lines: machine, software, model, workload, and how each target ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.contract.backend import Trial
from profiler.disturbance.verdict import disturbance
from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import CPU, Bundle
from profiler.records.host import Component
from profiler.records.readings import Telemetry
from profiler.records.target import ParityScore
from reports.document import inventory_text as wording
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.sections.comparison import parity_verdict
from reports.document.sections.modelled_facts import examined_facts
from reports.document.sections.modelled_wording import parity_scope
from reports.judge.comparison.comparison import Comparison, Group, Row
from reports.judge.comparison.samples import counted
from reports.judge.comparison.standing import standing

NOT_FINITE = 1e308
"""The recorder writes the largest double for a logit that was not a number; from here on a reading is called that."""

_PARITY_LIMITS = {
    "top1_agreement": ("top1_agreement_min", "≥"),
    "kl_mean": ("kl_mean_max", "≤"),
    "max_abs_logit_error": ("max_abs_logit_error_max", "≤"),
}


@dataclass(frozen=True, slots=True)
class ParityLine:
    """A target's parity in words: each measure with its limit."""

    row: Row
    verdict: str
    passed: bool
    positions: str
    top1_agreement: str
    kl_mean: str
    max_abs_logit_error: str
    greedy_prefix: str


def details(facts: Mapping[str, object]) -> str:
    """``key: value`` pairs in one line."""
    return ", ".join(f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in facts.items())


def sentence(text: str) -> str:
    """``text`` with a capital and one full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('. ')}."


def model_facts(bundle: Bundle, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """Digest, weights and computed sizes of the model."""
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
    facts += [(_size_name(key, say), f"{value:,.15g}".replace(",", notation.THIN_SPACE))
              for key, value in bundle.index.model_facts.items()]  # fmt: skip
    return [*facts, (say("facts.model_digest"), model.digest)]


def _size_name(key: str, say: Words) -> str:
    """A computed size in words; one this version does not know keeps its own name."""
    for stem in ("weight_bytes",):
        if key.startswith(f"{stem}_"):
            return say(f"facts.size.{stem}", precision=key.removeprefix(f"{stem}_"))
    known = ("parameters", "non_embedding_parameters", "decode_flops_per_token", "prefill_flops")
    return say(f"facts.size.{key}") if key in known else key.replace("_", " ").capitalize()


def workload_facts(group: Group, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """What was run."""
    work = group.workload
    return [
        (say("facts.workload"), work.name),
        (say("facts.batch"), str(work.batch)),
        (say("facts.prompt_tokens"), str(work.prompt_tokens)),
        (say("facts.output_tokens"), str(work.output_tokens)),
        (say("facts.token_source"), say(f"facts.token_source.{work.token_source}")),
        (say("facts.workload_digest"), work.digest),
    ]


def reference_text(bundle: Bundle, say: Words = ENGLISH) -> str:
    """What parity was scored against."""
    reference = bundle.reference
    if reference is None:
        return say("facts.no_reference")
    origin = say("facts.reference.cached" if reference.cached else "facts.reference.computed")
    return say(
        "facts.reference.text", engine=reference.engine, count=len(reference.positions), origin=origin,
        digest=reference.sha256,
    )  # fmt: skip


def ceiling_facts(bundle: Bundle, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """Measured limits of the machine's devices and how they were measured."""
    if not bundle.ceilings:
        return [(say("facts.ceilings"), say("facts.no_ceilings"))]
    facts = []
    for device, ceilings in bundle.ceilings.items():
        threads = say("facts.threads", count=ceilings.threads) if device == CPU else device
        found = [(say("facts.read_bandwidth"), ceilings.read_bandwidth)]
        found += [(say("facts.matrix_product", arithmetic=name), figure) for name, figure in ceilings.gemm.items()]
        facts += [
            (name, f"{notation.quantity(figure)} ({figure.grade}; {figure.method}; n = {figure.n}; {threads})")
            for name, figure in found
        ]
    return facts


def trial_text(trial: Trial, say: Words = ENGLISH) -> str:
    """How one way to execute fared when it was tried; what it cost once is told apart from the time of the work."""
    ready = notation.with_unit(trial.ready_s, "s")
    if trial.duration_s is None:
        return say("facts.trial.failed", way=trial.way, ready=ready, failure=trial.failure)
    took = notation.with_unit(trial.duration_s, "s")
    return say("facts.trial.chosen" if trial.chosen else "facts.trial.slower", way=trial.way, took=took, ready=ready)


def run_facts(row: Row, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """How one target was executed and measured, or what its vendor's tools were asked instead."""
    if row.modelled:
        return examined_facts(row, say)
    worker = row.record.worker
    if worker is None:
        return []
    engine = worker.engine
    runs = counted(row.record)
    warmups = len(worker.repetitions) - len(runs)
    steady = say("facts.steady" if worker.warmup_steady else "facts.not_steady")
    disturbed = disturbance(runs).verdict or say("facts.undisturbed")
    facts = [
        (say("facts.engine"), f"{engine.engine} {engine.version}; {details(engine.details)}".rstrip("; ")),
        (say("facts.arithmetic"), say("facts.arithmetic_text", arithmetic=engine.arithmetic,
                                      cache=engine.cache_precision, count=row.record.threads)),
        (say("facts.loading"), notation.with_unit(worker.load_s, "s")),
        (say("facts.repetitions"), say("facts.repetitions_text", count=len(runs), warmups=warmups, steady=steady,
                                       stopped=worker.stop_reason)),
        (say("facts.disturbed"), disturbed),
    ]  # fmt: skip
    facts += [(say("facts.trial", work=trial.work), trial_text(trial, say)) for trial in worker.trials]
    packages = ", ".join(f"{name} {version}" for name, version in worker.packages.items())
    facts.append((say("facts.packages"), packages or say("facts.none_recorded")))
    facts += metering_facts(row, say)
    if worker.environment:
        variables = ", ".join(f"{key}={value}" for key, value in worker.environment.items())
        facts.append((say("facts.environment"), variables))
    if row.record.preparation:
        facts.append((say("facts.preparation"), details(row.record.preparation)))
    return facts


def metering_facts(row: Row, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """Energy, power and memory figures that have no column, what was wrong with the meter, and the device's state."""
    record = row.record
    facts = [
        (say.title(metric), f"{notation.quantity(figure)} ({figure.grade}; {figure.method})")
        for metric in METRICS
        if metric.column == "details" and (figure := row.metric(metric.name)).value is not None
    ]
    for reading in (record.energy, record.second_energy, record.host_energy, record.wall_energy):
        if reading is not None and reading.faults:
            faults = "; ".join(f"{f.code}: {f.text}" for f in reading.faults)
            facts.append((say("facts.meter", meter=reading.meter), faults))
    if record.wall_energy is not None:
        facts.append((say("facts.wall_meter"), details(record.wall_energy.device)))
    elif record.wall_reason:
        facts.append((say("facts.wall_meter"), say("facts.wall_meter.not_read", reason=record.wall_reason)))
    if record.telemetry is not None:
        name = say("facts.telemetry", source=record.telemetry.source)
        facts.append((name, telemetry_words(record.telemetry)))
    if record.sampler is not None:
        cost = record.sampler
        share = f"{100 * (cost.cpu_s / cost.wall_s if cost.wall_s else 0.0):.2f}"
        facts.append((say("facts.watching"), say("facts.watching_text", count=cost.reads, share=share)))
    return facts


def telemetry_words(seen: Telemetry) -> str:
    """The range of every column, the processes that are not ours, and what could not be read; as recorded."""
    parts = []
    for column, (low, high) in seen.extremes.items():
        if column == "clock_event_reasons":
            held = [f"{name} {100 * share:.0f} %" for name, share in seen.clock_events.items()]
            parts.append("clock events: " + (", ".join(held) or "none"))
            continue
        name, _, unit = column.rpartition("_")
        known = {"hz": (1e-6, "MHz"), "c": (1.0, "°C"), "w": (1.0, "W"), "bytes": (1e-9, "GB")}
        scale, symbol = known.get(unit, (1.0, ""))
        values = notation.number(low * scale) + ("" if low == high else f"–{notation.number(high * scale)}")
        parts.append(f"{(name if unit in known else column).replace('_', ' ')} {values} {symbol}".strip())
    if seen.power_scope:
        parts.append(f"the power is of the {seen.power_scope}")
    if seen.caveat:
        parts.append(seen.caveat)
    if polling := seen.polling:
        failed = f", {polling.failed_calls} failed" if polling.failed_calls else ""
        parts.append(f"asked every {polling.period_s:.3g} s, {polling.call_s:.3g} s a call{failed}")
    if seen.processes:
        parts.append("other processes " + ", ".join(f"{p.pid} {p.name}".strip() for p in seen.processes))
    if seen.unresolved_processes:
        parts.append(f"{seen.unresolved_processes} processes of another pid namespace, ours or not")
    return "; ".join([*parts, *(f"no {column.replace('_', ' ')}: {why}" for column, why in seen.unread.items())])


def part_facts(part: Component) -> str:
    """The details of one part in words, with what the chip catalogue says of its origin."""
    return "; ".join(text for text in (*wording.facts(part), wording.origin(part)) if text)


def standing_facts(row: Row, comparison: Comparison, say: Words = ENGLISH) -> list[tuple[str, str]]:
    """The processor a target ran on, where it comes from, and its standing under the export rules."""
    part = row.chip
    found = standing(part, comparison.as_of, comparison.destination)
    facts = [(say("facts.processor"), wording.headline(part) if part else say("facts.not_read"))]
    if found.chip:
        unknown = say("origin.not_established")
        made = f"{found.chip.foundry or unknown} ({found.chip.foundry_country or unknown})"
        memory = say("origin.maker_unknown", name=found.chip.memory_type or unknown)
        facts.append((say("facts.made_by"), say("facts.made_by_text", made=made, memory=memory)))
    label = found.label
    if label == "indeterminate" and found.possible_labels:
        label = say("facts.label_open", label=label, possible=say.listing(found.possible_labels))
    under = f" [{found.rule}: {found.citation}]" if found.rule else ""
    because = found.why(say)
    why = f"; {because}" if because else ""
    when = say("facts.as_of", day=found.as_of.isoformat(), destination=found.destination)
    facts.append((say("facts.export_control"), f"{label}{under}, {when}{why}"))
    facts.append((say("facts.licence"), restricted_text(found.restricted, say)))
    if found.sources:
        facts.append((say("facts.sources"), "; ".join(found.sources)))
    return facts


def restricted_text(restricted: bool | None, say: Words = ENGLISH) -> str:
    """Whether a licence, a notified exception or a letter's licence is needed."""
    return say({True: "facts.yes", False: "facts.no", None: "facts.open"}[restricted])


def limits(comparison: Comparison, say: Words) -> str:
    """What the report does not say, as one paragraph."""
    said = [say("page.limits_projected")] if comparison.project_on else []
    if any(row.modelled for row in comparison.rows):
        said.append(say("page.limits_modelled"))
    unmeasured = said or [say("page.limits_measured_only")]
    last = (horizon_note(comparison, say), say("report.not_legal_advice"))
    return say.together([say("page.limits_text"), *unmeasured, *last])


def horizon_note(comparison: Comparison, say: Words = ENGLISH) -> str:
    """What the export-control labels rest on and where that knowledge ends."""
    return say("report.horizon", day=comparison.as_of.isoformat(), destination=comparison.destination)


def parity_lines(group: Group, say: Words = ENGLISH) -> list[ParityLine]:
    """One line for every target that was scored, passed or not."""
    lines = []
    for row in sorted(group.rows, key=lambda row: row.modelled):
        score = row.record.parity
        if score is None:
            continue
        greedy = say("facts.of", part=score.greedy_prefix_tokens, whole=group.workload.output_tokens)
        agreement = f"{notation.number(100 * score.top1_agreement)}{notation.THIN_SPACE}%"
        lines.append(
            ParityLine(
                row=row,
                verdict=parity_verdict(score, say, simulated=row.modelled),
                passed=score.passed,
                positions=str(score.positions),
                top1_agreement=f"{agreement}{_limit(score, 'top1_agreement')}",
                kl_mean=f"{_reading(score.kl_mean, say)}{_limit(score, 'kl_mean')}",
                max_abs_logit_error=f"{_reading(score.max_abs_logit_error, say)}{_limit(score, 'max_abs_logit_error')}",
                greedy_prefix=notation.DASH if row.modelled else greedy,
            )
        )
    return lines


def parity_scopes(group: Group, say: Words = ENGLISH) -> list[str]:
    """What of the model was simulated where nothing ran: a sentence a target."""
    scored = [row for row in group.modelled if row.record.parity is not None]
    return [say("table.footnote", metrics=row.label, reason=parity_scope(row, say)) for row in scored]


def designer(part: Component, say: Words = ENGLISH) -> str:
    """Country of the designer, or that it is not known."""
    return part.designer_country or say("origin.not_established")


def _limit(score: ParityScore, measure: str) -> str:
    key, sign = _PARITY_LIMITS[measure]
    if key not in score.thresholds:
        return ""
    limit = score.thresholds[key]
    text = f"{notation.number(100 * limit)}{notation.THIN_SPACE}%" if measure == "top1_agreement" else f"{limit:g}"
    return f" ({sign}{notation.THIN_SPACE}{text})"


def _reading(value: float, say: Words) -> str:
    return say("facts.not_finite") if value >= NOT_FINITE else notation.number(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", notation.THIN_SPACE)
    return str(value)
