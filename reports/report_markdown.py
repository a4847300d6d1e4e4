"""``report.md``: GitHub-flavoured Markdown, to paste into a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from profiler.metrics import METRICS
from reports import notation, provenance
from reports.comparison import Comparison, Group, Row
from reports.summary import DEPENDENCE_REASON, NOT_LEGAL_ADVICE, summary
from reports.table import Cell, Line, Table, comparison_table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def render_markdown(comparison: Comparison) -> str:
    """The whole document."""
    first = comparison.groups[0]
    lines = [f"# chipassay: {plain(first.model.spec.name)}, {plain(first.workload.name)} workload", ""]
    for at, group in enumerate(comparison.groups):
        if at:
            lines += [f"# {plain(group.model.spec.name)}, {plain(group.workload.name)} workload", ""]
            lines += [f"> {plain(comparison.differences[at - 1])}", ""]
        lines += _group(group, comparison)
    lines += _machines(comparison)
    lines += ["## Run it again", ""]
    for bundle in comparison.bundles:
        lines += [_code(bundle.index.command), ""]
    lines += ["## What each figure means", ""]
    lines += [f"- **{plain(metric.title)}**: {plain(metric.definition)}" for metric in METRICS]
    lines += [
        "",
        "## What this report does not say",
        "",
        f"{provenance.horizon_note(comparison)} Dependence: not computed; {DEPENDENCE_REASON}. {NOT_LEGAL_ADVICE}",
    ]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split(" ")).replace("\r", " ").replace("\n", " "))


def _group(group: Group, comparison: Comparison) -> list[str]:
    laid_out = comparison_table(group)
    lines = [plain(" ".join(summary(group, comparison))), ""]
    if laid_out.comparable or laid_out.set_apart:
        lines += ["## Comparison", "", *_comparison(laid_out), ""]
        lines += [f"{at}. {plain(note)}" for at, note in enumerate(laid_out.footnotes, 1)]
        lines += ["", f"Medians, 95{notation.THIN_SPACE}% interval in brackets.", *laid_out.marks, ""]
    scores = provenance.parity_lines(group)
    if scores:
        head = ("Target", "Verdict", "Top-1 agreement", "Mean KL, nats", "Largest logit error", "Same greedy tokens")
        body = [
            (s.row.label, s.verdict, s.top1_agreement, s.kl_mean, s.max_abs_logit_error, s.greedy_prefix)
            for s in scores
        ]
        lines += ["## Parity", "", *_table(head, body), ""]
    if laid_out.broken or group.unfinished:
        lines += ["## Not measured", ""]
        for row in laid_out.broken:
            lines += _broken(row)
        lines += [f"- {plain(name)} ({plain(machine)}): the run was interrupted before it finished."
                  for machine, name in group.unfinished]  # fmt: skip
        lines.append("")
    lines += ["## How each target ran", ""]
    for row in group.rows:
        if row.record.worker:
            told = provenance.run_facts(row) + provenance.standing_facts(row, comparison)
            lines += [f"**{plain(row.label)}**", "", *_facts(told), ""]
    lines += ["## What was run", ""]
    return [*lines, *_facts(provenance.model_facts(group.bundles[0]) + provenance.workload_facts(group)), ""]


def _comparison(laid_out: Table) -> list[str]:
    def cells(line: Line) -> tuple[str, ...]:
        name = line.row.label if line.row.conclusive else f"{line.row.label} (not comparable)"
        return (name, _cell(line.relative), *(_cell(cell) for cell in line.cells), line.parity)

    head = ("Target", "vs fastest", *(metric.title for metric in laid_out.metrics), "Parity")
    return _table(head, [cells(line) for line in (*laid_out.comparable, *laid_out.set_apart)])


def _cell(cell: Cell) -> str:
    note = f" ({cell.footnote})" if cell.footnote else ""
    return f"{cell.text}{note}" + (f" ({cell.interval})" if cell.interval else "")


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rule = "|".join([" :--- ", *[" ---: "] * (len(head) - 1)])
    return [_row(head), f"|{rule}|", *(_row(cells) for cells in body)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(plain(cell) for cell in cells)} |"


def _facts(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"- {plain(name)}: {plain(value)}" for name, value in pairs]


def _broken(row: Row) -> list[str]:
    failure = row.record.failure
    if failure is None:
        return [f"- {plain(row.label)}: {row.record.status}, no reason was recorded."]
    remedy = f" What to do: {plain(provenance.sentence(failure.remedy))}" if failure.remedy else ""
    said = [f"- {plain(row.label)}: {row.record.status}. {plain(provenance.sentence(failure.reason))}{remedy}"]
    if failure.stderr_tail:
        said += [
            "",
            "  <details><summary>standard error</summary>",
            "",
            _code(failure.stderr_tail),
            "",
            "  </details>",
            "",
        ]
    return said


def _machines(comparison: Comparison) -> list[str]:
    lines = ["## Machines and runs", ""]
    for bundle in comparison.bundles:
        lines += [f"**{plain(comparison.machines[bundle.host.fingerprint])}**", ""]
        head = ("Part", "Name", "Vendor", "Designed in", "Details", "Source")
        lines += _table(head, [
            (part.kind, part.name, part.vendor or "not known", provenance.designer(part),
             provenance.part_facts(part), part.source)
            for part in bundle.host.components
        ])  # fmt: skip
        lines += [
            "",
            *(f"- could not be read: {plain(part)} ({plain(why)})" for part, why in bundle.host.unread.items()),
        ]
        created = ("Run", f"{bundle.path.name}, {bundle.index.created}, {bundle.index.state}")
        lines += [*_facts([created, *provenance.ceiling_facts(bundle)]), ""]
    return lines


def _code(text: str) -> str:
    """An indented-safe fence that ``text`` itself cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
