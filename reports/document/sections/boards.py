"""Published results of boards with the chip beside what the compiler expects of it: the ratio, and what differs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from backends.contract.workload import Workload
from reports.document import notation
from reports.document.language import ENGLISH, Words
from reports.document.model import Grid
from reports.document.sections.reasons import difference_text
from reports.judge.boards.check import BoardCheck, board_check
from reports.judge.comparison.comparison import Group, Row

_HEAD = ("board", "weights", "length", "figure", "published", "expected", "ratio", "differs", "source")


def board_results(row: Row, group: Group) -> list[BoardCheck]:
    """Every published result that the estimate can be held against; empty where there is none, or it has no times."""
    work = group.workload
    done = Workload(work.name, work.prompt_ids, work.output_tokens, work.token_source)
    return board_check(row.compiled, group.model.spec, done, row.record.precision)


def board_documents(row: Row, group: Group) -> list[dict[str, Any]]:
    """Return the same as plain values."""
    found = []
    for one in board_results(row, group):
        document = asdict(one)
        document["scaled"] = difference_text(one.scaled, ENGLISH) if one.scaled else ""
        document["differences"] = [difference_text(reason, ENGLISH) for reason in one.differences]
        source = document["published"]["source"]
        source["retrieved"] = source["retrieved"].isoformat()
        found.append(document)
    return found


def board_grid(row: Row, group: Group, say: Words) -> Grid | None:
    """Return a row for each published result; None if there is none."""
    found = board_results(row, group)
    if not found:
        return None
    rows = [
        (
            f"{one.published.board}, {one.published.program}", one.published.published_precision,
            str(one.published.sequence_tokens), say(f"modelled.board.{one.published.metric}"),
            notation.with_unit(one.published.value, one.published.unit),
            f"{notation.GRADE_MARKS['modelled']}{notation.with_unit(one.estimate, one.published.unit)}",
            notation.times(one.ratio, None),
            say.clauses([difference_text(reason, say) for reason in (one.scaled, *one.differences) if reason]),
            one.published.source.where,
        )
        for one in found
    ]  # fmt: skip
    caption = say("modelled.boards", label=row.label, model=found[0].published.model)
    return Grid(caption, tuple(say(f"modelled.board.{name}") for name in _HEAD), tuple(rows), kind="text prose")


def board_sentence(row: Row, group: Group, say: Words) -> str:
    """Return how far the decode estimate is from published results; empty where there are none."""
    ratios = sorted(one.ratio for one in board_results(row, group) if one.published.metric == "decode_throughput")
    if not ratios:
        return ""
    ends = dict.fromkeys(notation.times(ratio, None) for ratio in (ratios[0], ratios[-1]))
    return say("modelled.board_ratio", label=row.label, ratios="–".join(ends), count=len(ratios))
