"""What may be said in words about speed, memory and parity; a sentence appears only if the data carry it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from backends.qwen.model import Model, ModelSpec
from profiler.disturbance.verdict import Disturbance
from profiler.metrics.catalogue import METRICS
from profiler.statistics.medians import median
from reports.document import notation
from reports.document.language import Words
from reports.judge.comparison.comparison import Comparison, Group, Row, speed_ratio
from reports.judge.comparison.ratio import Ratio
from reports.judge.comparison.samples import decode_rates_tok_per_s, prompt_rates_tok_per_s, token_times

_SHORTEST_QUARTER = 4
"""Tokens in a quarter of the output below which no drift is stated."""

MOST_NAMED = 3
"""Names that fit a sentence; more are counted instead."""


def work_done(group: Group, say: Words) -> str:
    """Return what was run: model, weights, workload."""
    spec, work = group.model.spec, group.workload
    return say(
        "summary.work",
        model=spec.name,
        parameters=_parameters(spec, say),
        weights=_weights(group.model, say),
        workload=work.name,
        prompt=work.prompt_tokens,
        output=work.output_tokens,
        batch=work.batch,
    )


def _weights(model: Model, say: Words) -> str:
    if model.storage and model.storage.form:
        return say("summary.weights.quantised", form=say.quoted(model.storage.form))
    return say(f"summary.weights.{model.weights_kind}")


def _parameters(spec: ModelSpec, say: Words) -> str:
    """Return how many parameters ran: of a multimodal model the language model's, of a mixture the active ones too."""
    kind = "language" if spec.vision or spec.audio else "whole"
    size = say(f"summary.parameters.{kind}", count=notation.number(spec.language_parameters / 1e6))
    if spec.experts is None:
        return size
    return say("summary.parameters.active", size=size, active=notation.number(spec.active_parameters() / 1e6))


def summary(group: Group, comparison: Comparison, say: Words) -> tuple[str, ...]:
    """Return what was run, who was fastest, and what is unavailable: a sentence each."""
    return (what_ran(group, comparison, say), *decode_verdict(group, say), *sampled_verdict(group, say),
            *modelled_verdict(group, say),
            *_ceiling(group, say), *_parity(group, say), *missing(group, say))  # fmt: skip


def what_ran(group: Group, comparison: Comparison, say: Words) -> str:
    """Model, workload, number of targets, machines; apart from them, how many had only their vendors' tools."""
    machines = list(dict.fromkeys(comparison.machines[bundle.host.fingerprint] for bundle in group.bundles))
    if len(machines) <= MOST_NAMED:
        where = say("summary.on_machines", machines=say.listing(machines))
    else:
        where = say("summary.on_many_machines", count=len(machines))
    compilers = {row.record.backend for row in group.rows if row.record.compiler_path}
    left = [re.split("[:@]", name, maxsplit=1)[0] for _, name in group.unfinished]
    asked = sum(row.record.compiler_path for row in group.rows) + sum(name in compilers for name in left)
    count = len(group.rows) + len(group.unfinished) - asked
    if not asked:
        return say("summary.ran", work=work_done(group, say), count=count, where=where)
    key = "summary.ran_and_asked" if count else "summary.asked"
    return say(key, work=work_done(group, say), count=count or asked, where=where, asked=asked)


def named(rows: Sequence[Row], say: Words) -> str:
    """Their labels, or how many they are."""
    if len(rows) <= MOST_NAMED:
        return say.listing([row.label for row in rows])
    return say("report.targets_counted", count=len(rows))


def speed_title(group: Group, what: str, say: Words) -> str:
    """A sentence about ``what`` (``decode`` or ``prefill``) that the repetitions support, for the head of a chart."""
    rates = _rates(group, what)
    rows = sorted((row for row in group.rows if row.conclusive and rates(row)), key=lambda row: -median(rates(row)))
    if not rows:
        return say(f"title.none.{what}")
    if len(rows) == 1:
        speed = notation.with_unit(median(rates(rows[0])), "tok/s")
        return say(f"title.one.{what}", label=rows[0].label, speed=speed)
    first, second = rows[0], rows[1]
    ratio = speed_ratio(first, second, rates(first), rates(second), prefill=what != "decode")
    pair = {"first": rows[0].label, "second": rows[1].label}
    if ratio.distinguishable is False:
        return say(f"title.apart.{what}", **pair)
    if ratio.ci95 is None:
        return say(f"title.few.{what}", times=_times(ratio), **pair)
    return say(f"title.faster.{what}", times=_times(ratio), interval=interval_of(ratio), **pair)


def latency_title(group: Group, say: Words) -> str:
    """Return how long a token after the first typically took; the two extremes where there are many targets."""
    rows = group.conclusive
    many = len(rows) > MOST_NAMED
    said = []
    for row in (rows[0], rows[-1]) if many else rows:
        if times := token_times(row.record):
            typical = notation.with_unit(median([time.median_ms for time in times]) / 1e3, "s")
            said.append(say("title.on", value=typical, label=row.label))
    if not said:
        return say("title.latency.none")
    if many:
        return say("title.latency.range", least=said[0], most=said[-1])
    return say("title.latency.each", each=say.listing(said))


def latency_drift(group: Group, say: Words) -> str:
    """Return how the time per token changed from the first to the last quarter of the output.

    Empty for a short output, or too many targets for a sentence.
    """
    said = []
    if len(group.conclusive) > MOST_NAMED:
        return ""
    for row in group.conclusive:
        times = [time.median_ms for time in token_times(row.record)]
        quarter = len(times) // 4
        if quarter >= _SHORTEST_QUARTER:
            change = 100 * (median(times[-quarter:]) / median(times[:quarter]) - 1)
            value = f"{change:+.1f}{notation.THIN_SPACE}%".replace("-", "−", change < 0)
            said.append(say("title.on", value=value, label=row.label))
    return say("title.drift", changes=say.listing(said)) if said else ""


def memory_title(group: Group, say: Words) -> str:
    """Return who held the most memory at its peak, a single reading each."""
    readings = []
    for row in group.rows:
        peak = row.metric("peak_memory").value
        if row.conclusive and peak is not None:
            readings.append((peak, row.label))
    if not readings:
        return say("title.memory.none")
    most, label = max(readings)
    shown = notation.with_unit(most, "B")
    if len(readings) == 1:
        return say("title.memory.one", label=label, most=shown)
    least = notation.with_unit(min(readings)[0], "B")
    if least == shown:
        return say("title.memory.same", most=shown)
    return say("title.memory.range", label=label, most=shown, least=least)


def unavailable_reasons(group: Group, say: Words) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(Reason, labels of the comparable rows it holds for) -> titles of the metrics that are missing for it."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for metric in [metric for metric in METRICS if metric.column == "always"]:
        reasons: dict[str, list[str]] = {}
        for row in group.rows:
            figure = row.metric(metric.name)
            if row.conclusive and figure.value is None:
                reasons.setdefault(figure.method, []).append(row.label)
        for reason, labels in reasons.items():
            found.setdefault((reason, tuple(labels)), []).append(say.title(metric))
    return found


def _rates(group: Group, what: str) -> Callable[[Row], list[float]]:
    if what == "decode":
        return lambda row: decode_rates_tok_per_s(row.record)
    return lambda row: prompt_rates_tok_per_s(row.record, group.workload.prompt_tokens)


def decode_verdict(group: Group, say: Words) -> list[str]:
    """Return who decodes fastest, and whether the repetitions carry that."""
    rows, fastest = group.conclusive, group.fastest
    if fastest is None and any(row.record.extended for row in group.rows):
        return []
    if fastest is None:
        only_asked = bool(group.rows) and all(row.record.compiler_path for row in group.rows)
        return [say("summary.nothing_ran" if only_asked else "summary.no_decode")]
    speed = notation.quantity(fastest.metric("decode_throughput"))
    if len(rows) == 1:
        return [say("summary.alone", label=fastest.label, speed=speed)]
    ratio = group.lead(rows[1])
    assert ratio is not None
    who = {"label": fastest.label, "second": rows[1].label, "speed": speed}
    if ratio.distinguishable is False and ratio.ci95 is not None:
        low, high = (notation.number(bound, 3) for bound in ratio.ci95)
        return [say("summary.not_told_apart", low=low, high=high, **who)]
    if ratio.ci95 is None:
        return [say("summary.too_few", times=_times(ratio), **who)]
    return [say("summary.fastest", times=_times(ratio), interval=interval_of(ratio), **who)]


def modelled_verdict(group: Group, say: Words) -> list[str]:
    """That some targets are modelled, and that nothing rests on them; empty if none is."""
    rows = group.modelled
    return [say("modelled.verdict", count=len(rows), who=named(rows, say))] if rows else []


def disturbed_text(seen: Disturbance, say: Words) -> str:
    """Return what marked the repetitions, and what to do if it was too much; empty if nothing did."""
    if not seen.marked:
        return ""
    named = [
        say("disturbance.count", name=say.translated(f"disturbance.name.{name}", name.replace("_", " ")), count=count)
        for name, count in seen.by_detector.items()
    ]
    values = {"what": say.listing(named), "all": seen.counted}
    if not seen.too_much:
        return say("disturbance.counted", **values)
    todo = [say.translated(f"disturbance.remedy.{name}", remedy) for name, remedy in seen.remedies.items()]
    return say("disturbance.too_much", todo=say.clauses(todo or [say("disturbance.find_it")]), **values)


def _times(ratio: Ratio) -> str:
    return notation.times(ratio.value, None).rstrip("×")


def interval_of(ratio: Ratio) -> str:
    """``1.17–1.43``."""
    return notation.times(ratio.value, ratio.ci95).partition("(")[2].rstrip(")")


def sampled_verdict(group: Group, say: Words) -> list[str]:
    """Return what targets that ran some layers only would do whole."""
    said = []
    for row in group.rows:
        extended = row.record.extended
        if extended is None or row.record.status != "sampled" or row.metric("decode_throughput").value is None:
            continue
        said.append(
            say(
                "summary.sampled", label=row.label, layers=extended.layers,
                depths=say.listing([str(one.layers) for one in extended.depths if not one.failure]),
                speed=notation.quantity(row.metric("decode_throughput")), ttft=notation.quantity(row.metric("ttft")),
            )
        )  # fmt: skip
    return said


def _ceiling(group: Group, say: Words) -> list[str]:
    fastest = group.fastest
    if fastest is None or fastest.metric("mbu").value is None:
        return []
    others = [
        f"{row.label} {notation.quantity(figure)}"
        for row in group.conclusive[1:]
        if (figure := row.metric("mbu")).value is not None
    ]
    few = 0 < len(others) <= MOST_NAMED
    rest = say("summary.ceiling_rest", others=say.clauses(others)) if few else ""
    share = notation.quantity(fastest.metric("mbu"))
    return [say("summary.ceiling", label=fastest.label, share=share, rest=rest)]


def _parity(group: Group, say: Words) -> list[str]:
    passed = [row for row in group.rows if row.conclusive and row.record.worker]
    apart = [row for row in group.rows if row.record.status == "not_comparable"]
    said = []
    if passed:
        few = len(passed) <= MOST_NAMED
        who = named(passed, say) if few else say("summary.all_comparable", count=len(passed))
        said.append(say("summary.passed", who=who))
    if apart:
        said.append(say("summary.not_passed", who=named(apart, say), count=len(apart)))
    return said


def missing(group: Group, say: Words) -> list[str]:
    """Return which figures are unavailable, and which targets did not finish."""
    said = []
    comparable = sum(row.conclusive for row in group.rows)
    for (reason, labels), titles in unavailable_reasons(group, say).items():
        who = "" if len(labels) == comparable else say("summary.missing_for", who=_names(labels, say))
        said.append(say("summary.missing", what=say.listing(titles), who=who, reason=say.quoted(reason.rstrip("."))))
    for status in ("failed", "unavailable"):
        rows = [row for row in group.rows if row.record.status == status]
        if rows:
            said.append(say(f"summary.{status}", who=named(rows, say)))
    if group.unfinished:
        said.append(say("summary.interrupted", who=_names([name for _, name in group.unfinished], say)))
    return said


def _names(labels: Sequence[str], say: Words) -> str:
    return say.listing(labels) if len(labels) <= MOST_NAMED else say("report.targets_counted", count=len(labels))
