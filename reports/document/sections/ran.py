"""How each target ran, and what ran on all of them."""

from __future__ import annotations

from reports.document.language import Words
from reports.document.model import Facts, Fold, GroupView, Section, Several
from reports.document.sections.caps import MOST_LISTED, MOST_OPEN
from reports.document.sections.provenance import model_facts, run_facts, standing_facts, workload_facts


def how_ran(view: GroupView, say: Words) -> Section | None:
    """Engine, software, meters and processor of each target; None if no target tells."""
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
    """Model and workload."""
    facts = (*model_facts(view.group.bundles[0], say), *workload_facts(view.group, say))
    return Section("what_ran", say("page.what_ran"), (Facts(facts),))
