"""Why is a mixture as fast as it is? What a step reads of its experts, against all it holds, and which limit binds."""

from __future__ import annotations

from reports.document import notation
from reports.document.language import Words
from reports.document.model import (
    EVERY_FORMAT,
    FILES,
    MOST_READINGS,
    TERMINAL,
    Block,
    Grid,
    GroupView,
    Paragraph,
    Section,
    Several,
    only_in,
)
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Row
from reports.judge.roofline.mixture import Mixture, mixture


def mixtures(view: GroupView, say: Words) -> Section | None:
    """Return a reading for each target and the table; None for a model without experts."""
    study = view.study
    found = [
        (row, made)
        for row in study.rows
        if (place := study.positions.get((row.place, "decode"))) and (made := mixture(row, place))
    ]
    if not found:
        return None
    readings = tuple(
        Paragraph(say.together(mixture_sentences(row, made, say)), "reading", row.label, row.place)
        for row, made in found
    )
    spec = view.group.model.spec
    intro = say(
        "mixture.intro",
        active=parameters_text(spec.active_parameters(), say),
        total=parameters_text(spec.language_parameters, say),
    )
    blocks: list[Block] = [Paragraph(intro), Several(readings, MOST_READINGS, "page.more_rows"), _grid(found, say)]
    if any(made.known == "estimated" for _, made in found):
        blocks.append(Paragraph(say("mixture.note"), "note"))
    shown = (*only_in(TERMINAL, *readings[:MOST_NAMED]), *only_in(FILES, *blocks))
    return Section("mixture", say("mixture.head"), shown, formats=EVERY_FORMAT)


def mixture_sentences(row: Row, made: Mixture, say: Words) -> list[str]:
    """Return what a step of one target reads, which limit that meets, and what dense model reads as much."""
    experts = row.spec.experts
    assert experts is not None
    whole = made.total_bytes
    of_all = ""
    if whole:
        share = notation.percent(made.read_bytes / whole)
        of_all = say("mixture.of_all", total=notation.with_unit(whole, "B"), share=share)
    how = "replayed" if row.bundle.index.model.routing and made.known == "counted" else made.known
    said = [
        say(
            "mixture.read", count=row.batch, read=notation.with_unit(made.read_bytes, "B"), of_all=of_all,
            distinct=notation.number(made.distinct), experts=experts.count, how=say(f"mixture.how.{how}"),
        )
    ]  # fmt: skip
    if made.bound is None or made.reading_s is None or made.arithmetic_s is None or made.share is None:
        return [*said, say("mixture.unknown")]
    times = {
        "reading": notation.with_unit(made.reading_s, "s"),
        "arithmetic": notation.with_unit(made.arithmetic_s, "s"),
        "step": notation.with_unit(made.step_s, "s"),
        "ceilings": say(f"roofline.basis.{made.basis}"),
    }
    dense = parameters_text(made.read_parameters, say)
    active = parameters_text(row.spec.active_parameters(), say)
    key = "mixture.engine" if made.engine_bound else f"mixture.binds.{made.bound}"
    return [*said, say(key, dense=dense, active=active, share=notation.percent(made.share), **times)]


def _grid(found: list[tuple[Row, Mixture]], say: Words) -> Grid:
    names = ("target", "experts", "read", "total", "dense", "reading", "arithmetic", "step", "binds")
    rows = tuple(
        (
            row.label,
            _distinct(made, say),
            notation.with_unit(made.read_bytes, "B"),
            notation.with_unit(made.total_bytes, "B") if made.total_bytes else notation.DASH,
            parameters_text(made.read_parameters, say),
            notation.with_unit(made.reading_s, "s") if made.reading_s else notation.DASH,
            notation.with_unit(made.arithmetic_s, "s") if made.arithmetic_s else notation.DASH,
            notation.with_unit(made.step_s, "s"),
            say(f"roofline.bound.{made.bound}") if made.bound else notation.DASH,
        )
        for row, made in found
    )
    return Grid(say("mixture.head"), tuple(say(f"mixture.column.{name}") for name in names), rows)


def _distinct(made: Mixture, say: Words) -> str:
    distinct = notation.number(made.distinct)
    return say("mixture.at_most", distinct=distinct) if made.known == "estimated" else distinct


def parameters_text(count: float, say: Words) -> str:
    """Return a count of parameters in words, in millions or billions."""
    return say("mixture.parameters", count=notation.number(count / 1e9 if count >= 1e9 else count / 1e6),
               unit=say("mixture.billion" if count >= 1e9 else "mixture.million"))  # fmt: skip
