"""The sections that close a report: machines, commands, terms and limits."""

from __future__ import annotations

from profiler.metrics.catalogue import METRICS
from profiler.records.bundle import Bundle
from reports.document.language import Words
from reports.document.model import HTML, MARKDOWN, Block, Code, Facts, Fold, Grid, Paragraph, Part, Section, Several
from reports.document.sections import provenance
from reports.document.sections.caps import MOST_LISTED, MOST_OPEN
from reports.document.sections.explained import term_text
from reports.judge.comparison.comparison import Comparison

TERMS = (
    "target", "phase", "interval", "relative", "grade", "parity", "kl", "ceiling", "roofline", "intensity", "dt", "de",
    "restricted", "indeterminate", "silicon", "digest", "disturbed",
)  # fmt: skip
"""Terms that are no metrics, in the order of the list that explains them."""


def closing(comparison: Comparison, parts: tuple[Part, ...], say: Words) -> tuple[Section, ...]:
    """The closing sections in their order."""
    return (_machines(comparison, say), _again(comparison, say), _terms(parts, say), _limits(comparison, say))


def _machines(comparison: Comparison, say: Words) -> Section:
    folds = tuple(_machine(bundle, comparison, say) for bundle in comparison.bundles)
    return Section("machines", say("page.machines"), (Several(folds, MOST_LISTED),))


def _machine(bundle: Bundle, comparison: Comparison, say: Words) -> Fold:
    name = comparison.machines[bundle.host.fingerprint]
    head = tuple(say(f"page.{column}") for column in ("part", "name", "vendor", "designed_in", "details", "source"))
    rows = tuple(
        (
            part.kind, part.name, part.vendor or say("origin.not_established"), provenance.designer(part, say),
            "; ".join(text for text in (provenance.part_facts(part), part.note) if text), part.source,
        )
        for part in bundle.host.components
    )  # fmt: skip
    blocks: list[Block] = [Grid(name, head, rows, most_open=len(rows), kind="text")]
    if bundle.host.unread:
        unread = [f"{part} ({why})" for part, why in bundle.host.unread.items()]
        blocks.append(Paragraph(say("page.unread_parts", parts=say.clauses(unread)), "note"))
    facts = (
        (say("facts.run"), f"{bundle.path.name}, {bundle.index.created}, {bundle.index.state}"),
        ("chipassay", bundle.index.chipassay_version),
        *provenance.ceiling_facts(bundle, say),
        (say("facts.reference"), provenance.reference_text(bundle, say)),
        (say("facts.machine_digest"), bundle.host.fingerprint),
    )
    blocks.append(Facts(facts))
    opened = len(comparison.bundles) <= MOST_OPEN
    return Fold(f"{name}, {bundle.path.name}", tuple(blocks), "machine", opened)


def _again(comparison: Comparison, say: Words) -> Section:
    commands = tuple(Code(bundle.index.command) for bundle in comparison.bundles)
    return Section("again", say("page.again"), (Several(commands, MOST_OPEN, "page.again_more"),))


def _terms(parts: tuple[Part, ...], say: Words) -> Section:
    named = [name for part in parts for section in part.sections for name in section.terms]
    terms = dict.fromkeys([*TERMS, *named])
    metrics = [(say.title(metric), f"{say.definition(metric)} {say(f'page.better.{metric.better}')}")
               for metric in METRICS]  # fmt: skip
    pairs = (*metrics, *((say(f"term.{name}.name"), term_text(name, say)) for name in terms))
    anchors = (*(metric.name for metric in METRICS), *terms)
    short = tuple((say.title(metric), say.definition(metric)) for metric in METRICS)
    blocks = (Facts(pairs, "terms", anchors, formats=HTML), Facts(short, "terms", formats=MARKDOWN))
    return Section("terms", say("page.meanings"), blocks)


def _limits(comparison: Comparison, say: Words) -> Section:
    return Section("limits", say("page.limits"), (Paragraph(provenance.limits(comparison, say)),))
