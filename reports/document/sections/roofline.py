"""Rooflines in words: one sentence of verdict per target, and how it stands among published figures."""

from __future__ import annotations

from reports.document import notation
from reports.document.language import Words
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.standing import Standing
from reports.judge.dependence.study import Study
from reports.judge.roofline.arithmetic import PHASES
from reports.judge.roofline.position import Position
from reports.judge.roofline.published import published, usual_range


def share_of(value: float) -> str:
    """A share of one as a percentage."""
    return f"{notation.number(100 * value)}{notation.THIN_SPACE}%"


def verdict_of(row: Row, study: Study, group: Group, say: Words) -> list[str]:
    """The sentences about one target of a group."""
    places = {
        str(phase): study.positions[row.place, phase] for phase in PHASES if (row.place, phase) in study.positions
    }
    return verdict_sentences(row, places, study.standings[row.place], say, group.workload.batch)


def verdict_sentences(
    row: Row, places: dict[str, Position], standing: Standing, say: Words, batch: int
) -> list[str]:  # fmt: skip
    """Which ceiling binds in each phase, how far it is, and where published figures put the decode speed."""
    said = [_sentence(places[phase], say) for phase in reversed(PHASES) if phase in places]
    decode = places.get("decode")
    if decode is not None:
        said += _published(row, decode, standing, say, batch)
    return said


def _sentence(place: Position, say: Words) -> str:
    reached, declared = place.measured, place.declared
    values = {"phase": say(f"roofline.phase.{place.phase}"), "speed": notation.quantity(place.throughput)}
    if reached.bound is None:
        reached = declared
    if reached.bound is None or not reached.share.value:
        reason = (place.measured.mbu if place.measured.mbu.value is None else place.measured.mfu).method
        return say("roofline.verdict_open", reason=reason, **values)
    same = declared.mbu if reached.bound == "bandwidth" else declared.mfu
    shown = share_of(same.value) if same.value is not None and reached is not declared else ""
    share = reached.share.value
    values |= {"bound": say(f"roofline.bound.{reached.bound}"), "share": share_of(share)}
    if share >= 1:
        also = say("roofline.declared_also", share=shown) if shown else ""
        return say("roofline.verdict_at", declared=also, **values)
    also = say("roofline.declared_share", share=shown) if shown else ""
    return say("roofline.verdict", declared=also, room=notation.number(1 / share), **values)


def _published(row: Row, place: Position, standing: Standing, say: Words, batch: int) -> list[str]:
    usual = usual_range(standing.chip, place.work, row.record.precision, batch)
    share = place.declared.mbu.value
    if usual is None or share is None:
        return [say("roofline.published.none", count=len(published()))]
    slowest, fastest = (f"{one.framework} {notation.number(one.decode_tok_s)}{notation.THIN_SPACE}tok/s"
                        for one in (usual.figures[0], usual.figures[-1]))  # fmt: skip
    placed = say(
        f"roofline.published.{usual.place(share)}", count=len(usual.shares), low=share_of(usual.shares[0]),
        high=share_of(usual.shares[-1]), slowest=slowest, fastest=fastest, share=share_of(share),
    )  # fmt: skip
    prefill = sum(figure.includes_prefill for figure in usual.figures)
    return [placed, say("roofline.published.sources", sources=say.clauses(usual.sources), prefill=prefill)]
