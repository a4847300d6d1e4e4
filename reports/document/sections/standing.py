"""How a processor stands under the export rules, in words."""

from __future__ import annotations

from reports.document import inventory_text as inventory
from reports.document.language import Words
from reports.document.sections.reasons import why_open
from reports.judge.comparison.comparison import Comparison, Row
from reports.judge.comparison.standing import Standing, standing
from reports.judge.export_control.classification import INDETERMINATE


def standing_facts(row: Row, comparison: Comparison, say: Words) -> list[tuple[str, str]]:
    """Return the processor a target ran on, where it comes from, and its standing under the export rules."""
    part = row.chip
    found = standing(part, comparison.as_of, comparison.destination)
    facts = [(say("facts.processor"), inventory.headline(part, say) if part else say("facts.not_read"))]
    if found.chip:
        unknown = say("origin.not_established")
        made = f"{found.chip.foundry or unknown} ({found.chip.foundry_country or unknown})"
        memory = say("origin.maker_unknown", name=found.chip.memory_type or unknown)
        facts.append((say("facts.made_by"), say("facts.made_by_text", made=made, memory=memory)))
    label = label_text(found, say)
    if found.label == INDETERMINATE and found.possible_labels:
        label = say("facts.label_open", label=label, possible=say.listing(found.possible_labels))
    under = f" [{found.rule}: {found.citation}]" if found.rule else ""
    when = say("facts.as_of", day=found.as_of.isoformat(), destination=found.destination)
    because = [why] if (why := why_open(found, say)) else []
    facts.append((say("facts.export_control"), say.clauses([f"{label}{under}, {when}", *because])))
    facts.append((say("facts.licence"), restricted_text(found.restricted, say)))
    if found.sources:
        facts.append((say("facts.sources"), say.clauses([say.quoted(source) for source in found.sources])))
    return facts


def label_text(found: Standing, say: Words) -> str:
    """Return the label of the rules; the open one in the reader's words."""
    return say("facts.indeterminate") if found.label == INDETERMINATE else found.label


def restricted_text(restricted: bool | None, say: Words) -> str:
    """Return whether a licence, a notified exception or a letter's licence is needed."""
    return say({True: "facts.yes", False: "facts.no", None: "facts.open"}[restricted])
