"""Where the figures come from, as (name, value) lines: machine, software, model, workload, and how each target ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from profiler.bundle import CPU, Bundle
from profiler.disturbance import disturbance
from profiler.inventory import wording
from profiler.metrics import METRICS
from profiler.record import Component, ParityScore, Telemetry
from reports import notation
from reports.comparison import Comparison, Group, Row
from reports.samples import counted
from reports.standing import standing

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


def model_facts(bundle: Bundle) -> list[tuple[str, str]]:
    """Digest, weights and computed sizes of the model."""
    model = bundle.index.model
    weights = f"synthetic, seed {model.seed}" if model.weights_kind == "synthetic" else f"checkpoint {model.checkpoint}"
    facts = [("Model", model.spec.name), ("Architecture", model.spec.architecture), ("Weights", weights)]
    facts += [(key.replace("_", " ").capitalize(), f"{value:,.15g}".replace(",", notation.THIN_SPACE))
              for key, value in bundle.index.model_facts.items()]  # fmt: skip
    return [*facts, ("Model digest", model.digest)]


def workload_facts(group: Group) -> list[tuple[str, str]]:
    """What was run."""
    work = group.workload
    source = {"hash": "deterministic hash", "tokenizer": "the checkpoint's tokenizer"}[work.token_source]
    return [
        ("Workload", work.name),
        ("Batch", str(work.batch)),
        ("Prompt tokens", str(work.prompt_tokens)),
        ("Output tokens", str(work.output_tokens)),
        ("Token ids from", source),
        ("Workload digest", work.digest),
    ]


def reference_text(bundle: Bundle) -> str:
    """What parity was scored against."""
    reference = bundle.reference
    if reference is None:
        return "The bundle holds no float32 reference."
    origin = "taken from the cache" if reference.cached else "computed in this run"
    return f"{reference.engine}, {len(reference.positions)} positions, {origin}; logits SHA-256 {reference.sha256}"


def ceiling_facts(bundle: Bundle) -> list[tuple[str, str]]:
    """Measured limits of the machine and how they were measured."""
    if not bundle.ceilings:
        return [("Ceilings", "none were measured in this run, so MBU and MFU are unavailable")]
    facts = []
    for device, ceilings in bundle.ceilings.items():
        on, threads = ("", f", {ceilings.threads} threads") if device == CPU else (f" of {device}", "")
        found = [(f"Read bandwidth{on}", ceilings.read_bandwidth)]
        found += [(f"Matrix product{on}, {name}", figure) for name, figure in ceilings.gemm.items()]
        facts += [
            (name, f"{notation.quantity(figure)} ({figure.grade}; {figure.method}; n = {figure.n}{threads})")
            for name, figure in found
        ]
    return facts


def run_facts(row: Row) -> list[tuple[str, str]]:
    """How one target was executed and measured."""
    worker = row.record.worker
    if worker is None:
        return []
    engine = worker.engine
    runs = counted(row.record)
    warmups = len(worker.repetitions) - len(runs)
    steady = "steady" if worker.warmup_steady else "not steady when the limit was reached"
    disturbed = disturbance(runs).verdict or "no repetition"
    facts = [
        ("Engine", f"{engine.engine} {engine.version}; {details(engine.details)}".rstrip("; ")),
        ("Arithmetic", f"{engine.arithmetic}; KV cache {engine.cache_precision}; {row.record.threads} threads"),
        ("Loading", notation.with_unit(worker.load_s, "s")),
        ("Repetitions", f"{len(runs)} counted, {warmups} warm-up ({steady}); stopped: {worker.stop_reason}"),
        ("Disturbed", disturbed),
        ("Packages", ", ".join(f"{name} {version}" for name, version in worker.packages.items()) or "none recorded"),
    ]
    facts += metering_facts(row)
    if worker.environment:
        facts.append(("Environment", ", ".join(f"{key}={value}" for key, value in worker.environment.items())))
    if row.record.preparation:
        facts.append(("Preparation", details(row.record.preparation)))
    return facts


def metering_facts(row: Row) -> list[tuple[str, str]]:
    """Energy, power and memory figures that have no column, what was wrong with the meter, and the device's state."""
    record = row.record
    facts = [
        (metric.title, f"{notation.quantity(figure)} ({figure.grade}; {figure.method})")
        for metric in METRICS
        if metric.column == "details" and (figure := row.metric(metric.name)).value is not None
    ]
    for reading in (record.energy, record.second_energy, record.host_energy, record.wall_energy):
        if reading is not None and reading.faults:
            facts.append((f"Meter {reading.meter}", "; ".join(f"{f.code}: {f.text}" for f in reading.faults)))
    if record.wall_energy is not None:
        facts.append(("Wall meter", details(record.wall_energy.device)))
    elif record.wall_reason:
        facts.append(("Wall meter", f"not read: {record.wall_reason}"))
    if record.telemetry is not None:
        facts.append((f"Telemetry, {record.telemetry.source}", telemetry_words(record.telemetry)))
    if record.sampler is not None:
        cost = record.sampler
        share = cost.cpu_s / cost.wall_s if cost.wall_s else 0.0
        facts.append(("Watching", f"{cost.reads} looks, {100 * share:.2f} % of one core"))
    return facts


def telemetry_words(seen: Telemetry) -> str:
    """The range of every column, the processes that are not ours, and what could not be read."""
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
    if seen.processes:
        parts.append("other processes " + ", ".join(f"{p.pid} {p.name}".strip() for p in seen.processes))
    if seen.unresolved_processes:
        parts.append(f"{seen.unresolved_processes} processes of another pid namespace, ours or not")
    return "; ".join([*parts, *(f"no {column.replace('_', ' ')}: {why}" for column, why in seen.unread.items())])


def part_facts(part: Component) -> str:
    """The details of one part in words, with what the chip catalogue says of its origin."""
    return "; ".join(text for text in (*wording.facts(part), wording.origin(part)) if text)


def standing_facts(row: Row, comparison: Comparison) -> list[tuple[str, str]]:
    """The processor a target ran on, where it comes from, and its standing under the export rules."""
    part = row.chip
    found = standing(part, comparison.as_of, comparison.destination)
    facts = [("Processor", wording.headline(part) if part else "not read")]
    if found.chip:
        made = f"{found.chip.foundry or 'foundry not known'} ({found.chip.foundry_country or 'country not known'})"
        facts.append(
            ("Made by", f"{made}; memory {found.chip.memory_type or 'type not known'}; origin of memory not known")
        )
    label = found.label
    if label == "indeterminate" and found.possible_labels:
        label = f"{label}, possible {', '.join(found.possible_labels)}"
    under = f" [{found.rule}: {found.citation}]" if found.rule else ""
    why = f"; {found.reason}" if found.reason else ""
    when = f"as of {found.as_of.isoformat()} for {found.destination}"
    facts.append(("Export control", f"{label}{under}, {when}{why}"))
    needed = {True: "yes", False: "no", None: "cannot be told"}[found.restricted]
    facts.append(("Licence, notified exception or letter needed", needed))
    if found.sources:
        facts.append(("Sources", "; ".join(found.sources)))
    return facts


def horizon_note(comparison: Comparison) -> str:
    """What the export-control labels rest on and where that knowledge ends."""
    day, where = comparison.as_of.isoformat(), comparison.destination
    return (
        f"Export-control labels are a program's reading of public rules as of {day} for {where}; "
        "`chipassay classify` shows every condition, the sources, the other layers of the rules, and its horizon."
    )


def parity_lines(group: Group) -> list[ParityLine]:
    """One line for every target that was scored, passed or not."""
    lines = []
    for row in group.rows:
        score = row.record.worker.parity if row.record.worker else None
        if score is None:
            continue
        agreement = f"{notation.number(100 * score.top1_agreement)}{notation.THIN_SPACE}%"
        lines.append(
            ParityLine(
                row=row,
                verdict="passed" if score.passed else "failed",
                positions=str(score.positions),
                top1_agreement=f"{agreement}{_limit(score, 'top1_agreement')}",
                kl_mean=f"{_reading(score.kl_mean)}{_limit(score, 'kl_mean')}",
                max_abs_logit_error=f"{_reading(score.max_abs_logit_error)}{_limit(score, 'max_abs_logit_error')}",
                greedy_prefix=f"{score.greedy_prefix_tokens} of {group.workload.output_tokens}",
            )
        )
    return lines


def designer(part: Component) -> str:
    """Country of the designer, or that it is not known."""
    return part.designer_country or "not known"


def origin_note(comparison: Comparison) -> str:
    """Which countries designed the processors of this report, as far as the inventory knows."""
    known = []
    for fingerprint, machine in comparison.machines.items():
        host = next(bundle.host for bundle in comparison.bundles if bundle.host.fingerprint == fingerprint)
        chip = next((part for part in host.components if part.kind == "cpu"), None)
        known.append(f"{machine}: {designer(chip) if chip else 'processor not read'}")
    return "; ".join(known)


def _limit(score: ParityScore, measure: str) -> str:
    key, sign = _PARITY_LIMITS[measure]
    if key not in score.thresholds:
        return ""
    limit = score.thresholds[key]
    text = f"{notation.number(100 * limit)}{notation.THIN_SPACE}%" if measure == "top1_agreement" else f"{limit:g}"
    return f" ({sign}{notation.THIN_SPACE}{text})"


def _reading(value: float) -> str:
    return "not finite" if value >= NOT_FINITE else notation.number(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", notation.THIN_SPACE)
    return str(value)
