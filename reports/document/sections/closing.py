"""The sections that close a report: machines, commands, terms and limits."""

from __future__ import annotations

from collections.abc import Sequence

from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import CPU, Bundle
from profiler.records.ceilings import CeilingTrial
from profiler.records.host import Component
from profiler.records.quantity import Quantity
from reports.document import inventory_text as inventory
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    HTML,
    MARKDOWN,
    MOST_LISTED,
    MOST_OPEN,
    Block,
    Code,
    Facts,
    Fold,
    Grid,
    Paragraph,
    Part,
    Section,
    Several,
)
from reports.document.sections.explained import term_text
from reports.judge.comparison.comparison import Comparison

TERMS = (
    "target", "phase", "interval", "relative", "grade", "parity", "kl", "ceiling", "roofline", "intensity", "dt", "de",
    "restricted", "indeterminate", "silicon", "digest", "disturbed",
)  # fmt: skip
"""Terms that are no metrics, in the order of the list that explains them."""


def closing(comparison: Comparison, parts: tuple[Part, ...], say: Words) -> tuple[Section, ...]:
    """Return the closing sections in their order."""
    return (
        _machines(comparison, say),
        _again(comparison, say),
        _terms(comparison, parts, say),
        _limits(comparison, say),
    )


def _machines(comparison: Comparison, say: Words) -> Section:
    folds = tuple(_machine(bundle, comparison, say) for bundle in comparison.bundles)
    return Section("machines", say("page.machines"), (Several(folds, MOST_LISTED),))


def _machine(bundle: Bundle, comparison: Comparison, say: Words) -> Fold:
    name = comparison.machines[bundle.host.fingerprint]
    head = tuple(say(f"page.{column}") for column in ("part", "name", "vendor", "designed_in", "details", "source"))
    unknown = say("origin.not_established")
    rows = tuple(
        (
            part.kind, part.name, part.vendor or unknown, part.designer_country or unknown, _part(part, say),
            say.quoted(part.source),
        )
        for part in bundle.host.components
    )  # fmt: skip
    blocks: list[Block] = [Grid(name, head, rows, most_open=len(rows), kind="text")]
    if bundle.host.unread:
        unread = [
            say("page.unread_part", part=say.quoted(part), why=say.quoted(why))
            for part, why in bundle.host.unread.items()
        ]
        blocks.append(Paragraph(say("page.unread_parts", parts=say.clauses(unread)), "note"))
    facts = (
        (say("facts.run"), f"{bundle.path.name}, {bundle.index.created}, {say(f'facts.run.{bundle.index.state}')}"),
        ("chipassay", bundle.index.chipassay_version),
        *_ceilings(bundle, say),
        (say("facts.reference"), _reference(bundle, say)),
        (say("facts.machine_digest"), bundle.host.fingerprint),
    )
    blocks.append(Facts(facts))
    opened = len(comparison.bundles) <= MOST_OPEN
    return Fold(f"{name}, {bundle.path.name}", tuple(blocks), "machine", opened)


def _part(part: Component, say: Words) -> str:
    """Return the details of one part, what the chip catalogue says of its origin, and what must be known of it."""
    return say.clauses([text for text in (*inventory.facts(part, say), inventory.origin(part, say),
                                          say.quoted(part.note)) if text])  # fmt: skip


def _ceilings(bundle: Bundle, say: Words) -> list[tuple[str, str]]:
    """Return the measured limits of the machine's devices and how they were measured."""
    if not bundle.ceilings:
        return [(say("facts.ceilings"), say("facts.no_ceilings"))]
    facts = []
    for device, ceilings in bundle.ceilings.items():
        where = say("facts.threads", count=ceilings.threads) if device == CPU else device
        figures = [(say("facts.read_bandwidth"), ceilings.read_bandwidth, ceilings.trials.get("read", ()))]
        figures += [
            (say("facts.matrix_product", arithmetic=name), one, ceilings.trials.get(name, ()))
            for name, one in ceilings.gemm.items()
        ]
        facts += [(name, _ceiling(one, trials, where, say)) for name, one, trials in figures]
    return facts


def _ceiling(one: Quantity, trials: Sequence[CeilingTrial], where: str, say: Words) -> str:
    """Return one limit, how it was measured, and how the libraries fared among which the fastest was chosen."""
    text = say(
        "facts.ceiling", value=notation.quantity(one), grade=say(f"grade.{one.grade}"), method=say.quoted(one.method),
        n=one.n, where=where,
    )  # fmt: skip
    if len(trials) < 2:
        return text
    shown = say.enumeration([_trial(trial, one.unit, say) for trial in trials])
    return say.clauses([text, say("facts.ceiling_trials", trials=shown)])


def _trial(trial: CeilingTrial, unit: str, say: Words) -> str:
    library = say.quoted(trial.library)
    if trial.rate is None:
        return say("facts.ceiling_trial.failed", library=library, failure=say.quoted(trial.failure))
    return say("facts.ceiling_trial", library=library, rate=notation.with_unit(trial.rate, unit))


def _reference(bundle: Bundle, say: Words) -> str:
    """Return what parity was scored against."""
    reference = bundle.reference
    if reference is None:
        return say("facts.no_reference")
    origin = say("facts.reference.cached" if reference.cached else "facts.reference.computed")
    return say(
        "facts.reference.text", engine=reference.engine, count=len(reference.positions), origin=origin,
        digest=reference.sha256,
    )  # fmt: skip


def _again(comparison: Comparison, say: Words) -> Section:
    commands = tuple(Code(bundle.index.command) for bundle in comparison.bundles)
    return Section("again", say("page.again"), (Several(commands, MOST_OPEN, "page.again_more"),))


def _terms(comparison: Comparison, parts: tuple[Part, ...], say: Words) -> Section:
    named = [name for part in parts for section in part.sections for name in section.terms]
    terms = dict.fromkeys([*TERMS, *named])
    recorded = {name for group in comparison.groups for row in group.rows for name in row.record.metrics}
    shown = [metric for metric in METRICS if not metric.about or metric.name in recorded]
    metrics = [(say.title(metric), f"{say.definition(metric)} {say(f'page.better.{metric.better}')}")
               for metric in shown]  # fmt: skip
    pairs = (*metrics, *((say(f"term.{name}.name"), term_text(name, say)) for name in terms))
    anchors = (*(metric.name for metric in shown), *terms)
    short = tuple((say.title(metric), say.definition(metric)) for metric in shown)
    blocks = (Facts(pairs, "terms", anchors, formats=HTML), Facts(short, "terms", formats=MARKDOWN))
    return Section("terms", say("page.meanings"), blocks)


def _limits(comparison: Comparison, say: Words) -> Section:
    return Section("limits", say("page.limits"), (Paragraph(limits(comparison, say)),))


def limits(comparison: Comparison, say: Words) -> str:
    """Return what the report does not say, as one paragraph."""
    unmeasured = [say("page.limits_projected")] if comparison.project_on else []
    if any(row.modelled for row in comparison.rows):
        unmeasured.append(say("page.limits_modelled"))
    day, destination = comparison.as_of.isoformat(), comparison.destination
    horizon = say("report.horizon", day=day, destination=destination)
    measured_only = [] if unmeasured else [say("page.limits_measured_only")]
    return say.together([
        say("page.limits_text"), *unmeasured, *measured_only, horizon, say("report.not_legal_advice")
    ])  # fmt: skip
