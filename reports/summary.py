"""What may be said in words, built from the data alone; a sentence appears only if the data carry it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from profiler.metrics import METRICS
from profiler.statistics import median
from reports import notation
from reports.comparison import Comparison, Group, Row
from reports.ratio import Ratio, ratio_of_medians
from reports.samples import decode_rates_tok_per_s, prompt_rates_tok_per_s, token_times

NOT_LEGAL_ADVICE = "Nothing here is legal advice."
_SHORTEST_QUARTER = 4
"""Tokens in a quarter of the output below which no drift is stated."""

_MOST_NAMED = 3
"""Names that fit a sentence; more are counted instead."""

DEPENDENCE_REASON = "this version of chipassay does not compute dependence between targets yet"


def listing(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def work_done(group: Group) -> str:
    """What was run: model, weights, workload."""
    spec, work = group.model.spec, group.workload
    weights = "synthetic weights" if group.model.weights_kind == "synthetic" else "weights of a local checkpoint"
    return (
        f"{spec.name} ({notation.number(spec.parameters / 1e6)} million parameters, {weights}) on the {work.name} "
        f"workload: {work.prompt_tokens} prompt tokens, {work.output_tokens} output tokens, batch {work.batch}"
    )


def summary(group: Group, comparison: Comparison) -> tuple[str, ...]:
    """The report's first paragraph about one group, a sentence each."""
    machines = list(dict.fromkeys(comparison.machines[bundle.host.fingerprint] for bundle in group.bundles))
    where = f"on {listing(machines)}" if len(machines) <= _MOST_NAMED else f"on {len(machines)} machines"
    count = len(group.rows) + len(group.unfinished)
    ran = f"{work_done(group)}; {count} target{'' if count == 1 else 's'} {where}."
    sentences = [ran, *_decode_verdict(group), *_ceiling(group), *_parity(group), *_missing(group)]
    return tuple(sentences)


def speed_title(group: Group, what: str) -> str:
    """A sentence about ``what`` (``decode`` or ``prefill``) that the repetitions support, for the head of a chart."""
    rates = _rates(group, what)
    rows = sorted((row for row in group.rows if row.conclusive and rates(row)), key=lambda row: -median(rates(row)))
    verb = {"decode": "decodes", "prefill": "processes the prompt"}[what]
    if not rows:
        return f"No comparable target has a {what} throughput."
    if len(rows) == 1:
        return f"{rows[0].label} {verb} at {notation.with_unit(median(rates(rows[0])), 'tok/s')}."
    ratio = ratio_of_medians(rates(rows[0]), rates(rows[1]))
    second = rows[1].label
    if ratio.distinguishable is False:
        return f"{rows[0].label} and {second} cannot be told apart in {what} speed."
    if ratio.ci95 is None:
        return (
            f"{rows[0].label} {verb} {_times_as_fast(ratio)} {second} at the median; "
            "too few repetitions for an interval, so noise may explain the difference."
        )
    return f"{rows[0].label} {verb} {_times_as_fast(ratio)} {second}{_interval_note(ratio)}."


def latency_title(group: Group) -> str:
    """How long a token after the first typically took; the two extremes where there are many targets."""
    said = []
    for row in group.conclusive:
        if times := token_times(row.record):
            typical = notation.with_unit(median([time.median_ms for time in times]) / 1e3, "s")
            said.append(f"{typical} on {row.label}")
    if not said:
        return "No comparable target generated more than one token."
    if len(said) > _MOST_NAMED:
        return f"Each further token took from {said[0]} to {said[-1]}."
    return f"Each further token took {listing(said)}."


def latency_drift(group: Group) -> str:
    """How the time per token changed from the first to the last quarter of the output.

    Empty for a short output, or too many targets for a sentence.
    """
    said = []
    if len(group.conclusive) > _MOST_NAMED:
        return ""
    for row in group.conclusive:
        times = [time.median_ms for time in token_times(row.record)]
        quarter = len(times) // 4
        if quarter >= _SHORTEST_QUARTER:
            change = 100 * (median(times[-quarter:]) / median(times[:quarter]) - 1)
            said.append(f"{change:+.1f}{notation.THIN_SPACE}% on {row.label}".replace("-", "−", change < 0))
    return f"From the first to the last quarter of the output it changed by {listing(said)}." if said else ""


def memory_title(group: Group) -> str:
    """Who held the most memory at its peak, a single reading each."""
    readings = []
    for row in group.rows:
        peak = row.metric("peak_memory").value
        if row.conclusive and peak is not None:
            readings.append((peak, row.label))
    if not readings:
        return "No comparable target has a memory reading."
    most, label = max(readings)
    shown = notation.with_unit(most, "B")
    if len(readings) == 1:
        return f"{label} held at most {shown} resident."
    least = notation.with_unit(min(readings)[0], "B")
    if least == shown:
        return f"All targets held about {shown} at their peak."
    return f"{label} held the most memory, {shown} at its peak; the least was {least}."


def unavailable_reasons(group: Group) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(Reason, labels of the comparable rows it holds for) -> titles of the metrics that are missing for it."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for metric in [metric for metric in METRICS if metric.column == "always"]:
        reasons: dict[str, list[str]] = {}
        for row in group.rows:
            figure = row.metric(metric.name)
            if row.conclusive and figure.value is None:
                reasons.setdefault(figure.method, []).append(row.label)
        for reason, labels in reasons.items():
            found.setdefault((reason, tuple(labels)), []).append(metric.title)
    return found


def _rates(group: Group, what: str) -> Callable[[Row], list[float]]:
    if what == "decode":
        return lambda row: decode_rates_tok_per_s(row.record)
    return lambda row: prompt_rates_tok_per_s(row.record, group.workload.prompt_tokens)


def _decode_verdict(group: Group) -> list[str]:
    rows, fastest = group.conclusive, group.fastest
    if fastest is None:
        return ["No target produced a decode throughput that can be compared."]
    speed = notation.quantity(fastest.metric("decode_throughput"))
    if len(rows) == 1:
        return [f"{fastest.label} decoded at {speed}; there is no second comparable target to set it against."]
    ratio = group.lead(rows[1])
    assert ratio is not None
    second = rows[1].label
    if ratio.distinguishable is False and ratio.ci95 is not None:
        low, high = (notation.number(bound, 3) for bound in ratio.ci95)
        return [
            f"{fastest.label} had the highest median decode throughput, {speed}, but {second} cannot be told apart "
            f"from it: the 95{notation.THIN_SPACE}% interval of the ratio, {low}–{high}, includes 1."
        ]
    if ratio.ci95 is None:
        return [
            f"{fastest.label} had the highest median decode throughput, {speed}, {_times_as_fast(ratio)} {second}; "
            "too few repetitions for an interval, so noise may explain the difference."
        ]
    return [f"{fastest.label} decoded fastest: {speed}, {_times_as_fast(ratio)} {second}{_interval_note(ratio)}."]


def _times_as_fast(ratio: Ratio) -> str:
    return f"{notation.times(ratio.value, None).rstrip('×')} times as fast as"


def _interval_note(ratio: Ratio) -> str:
    return f" (95{notation.THIN_SPACE}% interval {notation.times(ratio.value, ratio.ci95).partition('(')[2]}"


def _ceiling(group: Group) -> list[str]:
    fastest = group.fastest
    if fastest is None or fastest.metric("mbu").value is None:
        return []
    others = [
        f"{row.label} {notation.quantity(figure)}"
        for row in group.conclusive[1:]
        if (figure := row.metric("mbu")).value is not None
    ]
    rest = f" ({'; '.join(others)})" if others else ""
    return [
        f"{fastest.label} used {notation.quantity(fastest.metric('mbu'))} of its machine's measured read bandwidth"
        f"{rest}."
    ]


def _parity(group: Group) -> list[str]:
    passed = [row.label for row in group.rows if row.conclusive and row.record.worker]
    apart = [row.label for row in group.rows if row.record.status == "not_comparable"]
    said = []
    if passed:
        who = listing(passed) if len(passed) <= _MOST_NAMED else f"All {len(passed)} comparable targets"
        said.append(f"{who} passed parity against the float32 reference.")
    if apart:
        said.append(
            f"{listing(apart)} did not pass, and take{'s' if len(apart) == 1 else ''} no part in any conclusion."
        )
    return said


def _missing(group: Group) -> list[str]:
    said = []
    for (reason, labels), titles in unavailable_reasons(group).items():
        everyone = len(labels) == sum(row.conclusive for row in group.rows)
        who = "" if everyone else f" for {listing(labels)}"
        said.append(f"{listing(titles)} could not be had{who}: {reason.rstrip('.')}.")
    broken = [row for row in group.rows if row.record.status in ("failed", "unavailable")]
    for status, phrase in (("failed", "failed"), ("unavailable", "could not run here")):
        names = [row.label for row in broken if row.record.status == status]
        if names:
            said.append(f"{listing(names)} {phrase}.")
    if group.unfinished:
        said.append(f"The run was interrupted before {listing([name for _, name in group.unfinished])} finished.")
    return said
