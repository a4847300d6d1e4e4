"""What a picture, a thought before the answer, and further turns cost: a section each, where the workload has them."""

from __future__ import annotations

from collections.abc import Sequence

from profiler.metrics.catalogue import METRICS
from profiler.records.quantity import Quantity
from profiler.statistics.intervals import median_ci95
from profiler.statistics.medians import median
from reports.document import notation
from reports.document.language import Words
from reports.document.model import EVERY_FORMAT, FILES, Block, Cell, Column, GroupView, Paragraph, Section, Table
from reports.document.model import Body as Rows
from reports.document.model import Line as Target
from reports.document.sections.summary import MOST_NAMED
from reports.judge.comparison.comparison import Group, Row
from reports.judge.comparison.samples import counted

PICTURE = ("image_encode", "after_image", "ttft", "image_share", "image_mfu", "peak_memory")
ANSWER = ("ttft", "thought", "time_to_answer")


def picture(view: GroupView, say: Words) -> Section | None:
    """Return what the picture costs: the tower's time, the rest of TTFT, tokens, utilisation, memory."""
    group, image = view.group, view.group.workload.image
    rows = _having(group, "image_encode")
    if image is None or not rows:
        return None
    said = say("inputs.picture.what", width=image.width, height=image.height, tokens=image.tokens,
               prompt=group.workload.prompt_tokens)  # fmt: skip
    texts = [said, *(_picture_text(row, say) for row in rows[:MOST_NAMED]), say("inputs.picture.preparing")]
    return _section("picture", say, texts, rows, PICTURE)


def _picture_text(row: Row, say: Words) -> str:
    """Return what part of TTFT the tower took on one target, and how well it used the machine."""
    encode, ttft, share = (row.metric(name) for name in ("image_encode", "ttft", "image_share"))
    assert share.value is not None
    said = say("inputs.picture.took", label=row.label, encode=notation.quantity(encode),
               share=notation.percent(share.value), ttft=notation.quantity(ttft))  # fmt: skip
    used = row.metric("image_mfu").value
    return said if used is None else say.together([said, say("inputs.picture.used", share=notation.percent(used))])


def answer(view: GroupView, say: Words) -> Section | None:
    """Return when the answer begins, after the thought."""
    group = view.group
    rows = _having(group, "time_to_answer")
    if not rows:
        return None
    thought, output = group.workload.thinking_tokens, group.workload.output_tokens
    texts = [say("inputs.answer.what", thought=thought, output=output)]
    texts += [
        say("inputs.answer.took", label=row.label, ttft=notation.quantity(row.metric("ttft")),
            answer=notation.quantity(row.metric("time_to_answer")))
        for row in rows[:MOST_NAMED]
    ]  # fmt: skip
    return _section("answer", say, texts, rows, ANSWER)


def turns(view: GroupView, say: Words) -> Section | None:
    """Return the time to the first token of every turn, and of the whole conversation."""
    group, talk = view.group, view.group.workload.conversation
    rows = _having(group, "conversation_time")
    if talk is None or not rows:
        return None
    count = 1 + len(talk.later_ids)
    texts = [say("inputs.turns.cache_on" if talk.prefix_cache else "inputs.turns.cache_off", count=count)]
    texts += [
        say("inputs.turns.took", label=row.label, first=notation.quantity(row.metric("ttft")),
            later=notation.quantity(row.metric("turn_ttft")), whole=notation.quantity(row.metric("conversation_time")))
        for row in rows[:MOST_NAMED]
    ]  # fmt: skip
    columns = tuple(Column(say("inputs.turns.turn", number=number + 1)) for number in range(count))
    lines = tuple(
        Target(row.label, tuple(_cell(_turn_ttft(row, number)) for number in range(count)), row.place) for row in rows
    )
    prefilled = _prefilled(group)
    head = Target(say("inputs.turns.prefilled"), tuple(Cell(str(tokens), tone="plain") for tokens in prefilled))
    table = Table(say("inputs.turns.title"), Column(say("page.target")), columns, (Rows((head, *lines)),))
    return Section("turns", say("inputs.turns.title"), (*_paragraphs(texts), table), formats=EVERY_FORMAT)


def _prefilled(group: Group) -> list[int]:
    """Return the tokens that each turn prefills: with a kept cache the last of the answer before, and what is new."""
    work, talk = group.workload, group.workload.conversation
    assert talk is not None
    said, prefilled = work.prompt_tokens, [work.prompt_tokens]
    for rows in talk.later_ids:
        new = len(rows[0])
        said += work.output_tokens + new
        prefilled.append(new + 1 if talk.prefix_cache else said)
    return prefilled


def _turn_ttft(row: Row, number: int) -> Quantity:
    """Return the TTFT of a turn, the first being 0."""
    runs = [run for run in counted(row.record) if number == 0 or len(run.turns) >= number]
    samples = [(run.turns[number - 1].token_ns if number else run.token_ns)[0] / 1e9 for run in runs]
    method = "monotonic clock, median over repetitions"
    return Quantity(median(samples), "s", "measured", method, len(samples), median_ci95(samples))


def _having(group: Group, name: str) -> list[Row]:
    """Return the comparable targets that have a figure, fastest first."""
    return [row for row in group.conclusive if row.metric(name).value is not None]


def _section(name: str, say: Words, texts: Sequence[str], rows: Sequence[Row], figures: Sequence[str]) -> Section:
    titles = {metric.name: say.title(metric) for metric in METRICS}
    columns = tuple(Column(titles.get(one) or say(f"inputs.{name}.{one}"), one) for one in figures)
    lines = tuple(Target(row.label, tuple(_cell(_figure(row, one)) for one in figures), row.place) for row in rows)
    title = say(f"inputs.{name}.title")
    grades = say.clauses([
        say("inputs.grade", title=column.title, grade=say(f"grade.{_figure(rows[0], one).grade}"))
        for column, one in zip(columns, figures, strict=True)
    ])  # fmt: skip
    table = Table(title, Column(say("page.target")), columns, (Rows(lines),))
    note = Paragraph(grades, "note", formats=FILES)
    return Section(f"inputs_{name}", title, (*_paragraphs(texts), table, note), formats=EVERY_FORMAT)


def _figure(row: Row, name: str) -> Quantity:
    """Return a figure by its name; ``after_image`` and ``thought`` are differences of two times."""
    if name == "after_image":
        runs = [run for run in counted(row.record) if run.image_ns is not None]
        return _difference([(run.token_ns[0] - (run.image_ns or 0)) / 1e9 for run in runs], "TTFT - image encode")
    if name == "thought":
        found = [row.metric(one) for one in ("time_to_answer", "ttft")]
        assert found[0].value is not None
        assert found[1].value is not None
        return Quantity(found[0].value - found[1].value, "s", "derived", "time to answer - TTFT, of the medians", 1)
    return row.metric(name)


def _difference(samples: Sequence[float], what: str) -> Quantity:
    return Quantity(median(samples), "s", "derived", f"{what}, median", len(samples), median_ci95(samples))


def _cell(figure: Quantity) -> Cell:
    return Cell(notation.quantity(figure), notation.interval(figure))


def _paragraphs(texts: Sequence[str]) -> tuple[Block, ...]:
    return tuple(Paragraph(text) for text in texts)
