"""The operators of the model, and where each runs, on every path that recorded it."""

from __future__ import annotations

from collections.abc import Sequence

from backends.operators.placement import OperatorPlacement, Phase
from backends.operators.shares import WHERES
from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    MOST_LISTED,
    TERMINAL,
    Block,
    Grid,
    GroupView,
    Heading,
    Paragraph,
    Section,
    Several,
    only_in,
)
from reports.document.sections.dependence import phase_name
from reports.document.sections.explained import explained
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Row
from reports.judge.placement import PHASES, Dependence, dependences, operator_names, placed_rows, toolchain_of

_TERMS = ("operator_place", "operator_evidence", "operator_cost")
MOST_COLUMNS = 8
"""Targets side by side in one table."""


def operators(view: GroupView, say: Words) -> Section | None:
    """Return a matrix a phase, operators by targets, with what must be known below; None if no record places operators.

    Where nothing was measured there is no section of dependence, and the shares stand here. The terminal shows a
    sentence a target.
    """
    rows = placed_rows(view.group.rows)
    if not rows:
        return None
    outside = None if view.group.conclusive else shares_grid(rows, say)
    grids = [outside] if outside else []
    grids += [
        _matrix(rows[first : first + MOST_COLUMNS], phase, say)
        for phase in reversed(PHASES)
        for first in range(0, len(rows), MOST_COLUMNS)
        if any(one.phase == phase for row in rows for one in row.record.operators)
    ]
    blocks: list[Block] = [Paragraph(say("operators.intro"))]
    for grid in grids:
        blocks += [Heading(grid.caption), grid]
    blocks.append(Several(tuple(Paragraph(note, "note") for note in _notes(rows, say)), MOST_LISTED))
    blocks.append(explained(say, _TERMS))
    sentences = (Paragraph(sentence(row, say), formats=TERMINAL) for row in rows[:MOST_NAMED])
    shown = (*only_in(FILES, *blocks), *sentences)
    return Section("operators", say("operators.head"), shown, beside=True, terms=_TERMS, formats=EVERY_FORMAT)


def shares_grid(rows: Sequence[Row], say: Words) -> Grid | None:
    """Shares of FLOPs and of bytes by place, a row for each target and phase; None if no record places operators."""
    found = dependences(rows)
    if not found:
        return None
    shown = [
        (
            one.row.label, toolchain_of(one.row), phase_name(one.phase, say),
            *(_both(one, where) for where in WHERES), say(f"operators.evidence.{one.evidence}"),
        )
        for one in found
    ]  # fmt: skip
    head = [say(f"operators.column.{name}") for name in ("target", "toolchain", "phase")]
    head += [say(f"operators.where.{where}") for where in WHERES]
    return Grid(say("operators.dependence"), (*head, say("operators.column.evidence")), tuple(shown), kind="text")


def sentence(row: Row, say: Words) -> str:
    """One line of a target: what of its decode step, or its prefill, runs on the accelerator, and what does not."""
    found = {one.phase: one for one in dependences([row])}
    one = found.get("decode") or found["prefill"]
    outside = [
        say("operators.outside", where=say(f"operators.where.{where}"), operators=say.listing(names))
        for where in WHERES
        if where != "accelerator" and (names := _names(row, one.phase, where))
    ]
    flops, moved = (
        notation.percent_to_a_tenth(kind["accelerator"]) for kind in (one.shares.flops, one.shares.bytes_moved)
    )
    return say(
        "operators.sentence", label=row.label, phase=phase_name(one.phase, say), flops=flops, bytes=moved,
        outside=say.clauses(outside) if outside else say("operators.nothing_outside"),
        evidence=say(f"operators.evidence.{one.evidence}"),
    )  # fmt: skip


def _names(row: Row, phase: Phase, where: str) -> list[str]:
    return list(dict.fromkeys(one.operator for one in row.record.operators if (one.phase, one.where) == (phase, where)))


def _both(one: Dependence, where: str) -> str:
    """FLOPs, then bytes."""
    flops, moved = ({**kind}[where] for kind in (one.shares.flops, one.shares.bytes_moved))  # type: ignore[index]
    return f"{notation.percent_to_a_tenth(flops)} / {notation.percent_to_a_tenth(moved)}"


def _matrix(rows: Sequence[Row], phase: Phase, say: Words) -> Grid:
    names = operator_names(rows, phase)
    flops, moved = sum(one.flops for one in names.values()), sum(one.bytes_moved for one in names.values())
    shown = [
        (
            name, notation.count(one.count), notation.percent_to_a_tenth(one.flops / flops) if flops else
            notation.DASH, notation.percent_to_a_tenth(one.bytes_moved / moved) if moved else notation.DASH,
            *(_cell([each for each in row.record.operators if (each.phase, each.operator) == (phase, name)], say)
              for row in rows),
        )
        for name, one in names.items()
    ]  # fmt: skip
    head = [say(f"operators.column.{name}") for name in ("operator", "count", "flops", "bytes")]
    caption = say("operators.matrix", phase=phase_name(phase, say))
    return Grid(
        caption, (*head, *(row.label for row in rows)), tuple(shown), len(shown) if phase == "decode" else 0, "dense"
    )


def _cell(those: Sequence[OperatorPlacement], say: Words) -> str:
    """Where it runs and how that is known; where it is split, each place with its number of nodes."""
    counts: dict[str, int] = {}
    for one in sorted(those, key=lambda one: WHERES.index(one.where)):
        where = say(f"operators.where.{one.where}")
        known = say("operators.known", where=where, evidence=say(f"operators.evidence.{one.evidence}"))
        text = where if one.where == "unknown" else known
        counts[text] = counts.get(text, 0) + one.count
    if len(counts) > 1:
        counts = {say("operators.counted", count=count, place=text): count for text, count in counts.items()}
    return "\n".join(counts) if counts else notation.DASH


def _notes(rows: Sequence[Row], say: Words) -> list[str]:
    """What must be known of operators, and where places were read; each text once, with the targets it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        noted: dict[str, list[str]] = {}
        for one in row.record.operators:
            if one.note:
                _add(noted, one.note, one.operator)
        for note, operators in noted.items():
            _add(about, say("operators.note", operators=say.listing(operators), note=say.quoted(note)), row.label)
        for source in dict.fromkeys(one.source for one in row.record.operators):
            _add(about, say("operators.source", source=say.quoted(source)), row.label)
    return [say("operators.about", targets=say.listing(names), text=text) for text, names in about.items()]


def _add(named: dict[str, list[str]], text: str, name: str) -> None:
    names = named.setdefault(text, [])
    if name not in names:
        names.append(name)
