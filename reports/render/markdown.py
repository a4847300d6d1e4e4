"""``report.md``: GitHub-flavoured Markdown, to paste into a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from profiler.metrics.catalogue import METRICS
from reports.document.language import ENGLISH, Words
from reports.document.sections import grids, provenance
from reports.document.sections.brief import brief
from reports.document.sections.catalogue import panels
from reports.document.sections.comparison import Cell, Line, Table, comparison_table
from reports.document.sections.dependence import gap_sentence
from reports.document.sections.grids import Grid
from reports.document.sections.operators import dependence_grid as operator_grid
from reports.document.sections.roofline import verdict_of
from reports.document.sections.summary import what_ran
from reports.judge.comparison.comparison import Comparison, Group, Row, difference
from reports.judge.dependence import Study
from reports.judge.judgement import GroupJudgement, Judgement

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def render_markdown(judgement: Judgement, say: Words = ENGLISH) -> str:
    """The whole document, in the language of ``say``."""
    comparison = judgement.comparison
    first = comparison.groups[0]
    lines = [f"# {plain(_title(first, say))}", ""]
    if comparison.unread:
        lines += [f"> {plain(say('page.unread', count=len(comparison.unread)))}", ">"]
        lines += [f"> - {plain(reason)}" for _, reason in comparison.unread]
        lines.append("")
    for at, judged in enumerate(judgement.groups):
        group = judged.group
        if at:
            lines += [f"# {plain(_title(group, say))}", ""]
            lines += [f"> {plain(difference(comparison.groups[0], group, say))}", ""]
        lines += _group(judged, say)
    lines += _machines(comparison, say)
    lines += [f"## {say('page.again')}", ""]
    for bundle in comparison.bundles:
        lines += [_code(bundle.index.command), ""]
    lines += [f"## {say('page.meanings')}", ""]
    lines += [f"- **{plain(say.title(metric))}**: {plain(say.definition(metric))}" for metric in METRICS]
    lines += ["", f"## {say('page.limits')}", "", plain(provenance.limits(comparison, say))]
    return "\n".join(lines) + "\n"


def _title(group: Group, say: Words) -> str:
    named = say("page.title", model=group.model.spec.name, workload=group.workload.name)
    return f"{say('page.eyebrow')}: {named}"


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split(" ")).replace("\r", " ").replace("\n", " "))


def _group(judged: GroupJudgement, say: Words) -> list[str]:
    group, comparison, study = judged.group, judged.comparison, judged.study
    laid_out = comparison_table(group, say)
    found = brief(judged, say)
    lines = [plain(what_ran(group, comparison, say)), "", plain(say.together(found.verdict)), ""]
    lines += [f"## {say('brief.head')}", ""]
    for name in ("measured", "declared", "modelled", "would_change"):
        said: tuple[str, ...] = getattr(found, name)
        lines += [f"**{say(f'brief.{name}')}**", "", *(f"- {plain(one)}" for one in said), ""] if said else []
    if laid_out.comparable or laid_out.set_apart:
        lines += [f"## {say('page.comparison')}", "", *_comparison(laid_out, say), ""]
        lines += [say("page.medians"), ""]
    if laid_out.modelled:
        lines += _modelled(laid_out, say)
    if laid_out.comparable or laid_out.set_apart or laid_out.modelled:
        lines += [f"{at}. {plain(note)}" for at, note in enumerate(laid_out.footnotes, 1)]
        lines += ["", *laid_out.marks, ""]
    if study.rows:
        lines += _judged(group, comparison, study, say)
    scores = provenance.parity_lines(group, say)
    if scores:
        head = tuple(say(f"page.{name}") for name in ("target", "parity_verdict", "top1", "kl", "logit", "greedy"))
        body = [
            (s.row.label, s.verdict, s.top1_agreement, s.kl_mean, s.max_abs_logit_error, s.greedy_prefix)
            for s in scores
        ]
        scopes = [f"- {plain(said)}" for said in provenance.parity_scopes(group, say)]
        lines += [f"## {say('page.parity')}", "", *_table(head, body), "", *scopes, ""]
    if laid_out.broken or group.unfinished:
        lines += [f"## {say('page.not_measured')}", ""]
        for row in laid_out.broken:
            lines += _broken(row, say)
        lines += [f"- {plain(say('page.unfinished', target=name, machine=machine))}"
                  for machine, name in group.unfinished]  # fmt: skip
        lines.append("")
    for panel in panels(judged, say):
        lines += [f"## {plain(panel.title)}", "", plain(panel.intro), ""]
        for grid in panel.grids:
            lines += [f"**{plain(grid.caption)}**", "", *_grid(grid)]
        lines += [f"- {plain(note)}" for note in panel.notes] + [""]
    lines += [f"## {say('page.how_ran')}", ""]
    for row in group.rows:
        if row.reported:
            told = provenance.run_facts(row, say) + provenance.standing_facts(row, comparison, say)
            lines += [f"**{plain(row.label)}**", "", *_facts(told), ""]
    lines += [f"## {say('page.what_ran')}", ""]
    return [*lines, *_facts(provenance.model_facts(group.bundles[0], say) + provenance.workload_facts(group, say)), ""]


def _judged(group: Group, comparison: Comparison, study: Study, say: Words) -> list[str]:
    """Dependence, gaps, rooflines and origins."""
    day = comparison.as_of.isoformat()
    intro = say("dependence.intro", as_of=day, destination=comparison.destination)
    notes = grids.feasible_sentences(group, study, say, len(group.rows))
    lines = [
        f"## {say('dependence.head')}",
        "",
        plain(intro),
        "",
        *(f"- {plain(note)}" for note in notes),
        "",
        *_grid(grids.dependence_grid(study, say)),
    ]
    if operators := operator_grid(group.rows, say):
        intro = plain(say("operators.dependence_intro"))
        lines += [f"**{plain(operators.caption)}**", "", intro, "", *_grid(operators)]
    if matches := grids.match_grid(study, say):
        lines += [f"**{matches.caption}**", "", plain(say("dependence.match.intro")), "", *_grid(matches)]
    lines += [f"**{say('page.standing')}**", "", *_grid(grids.standing_grid(study.rows, study, comparison, say))]
    lines += [f"## {say('gap.head')}", ""]
    for one in sorted(study.phases, key=lambda one: one.phase):
        if one.gap is not None:
            lines += [plain(gap_sentence(one.gap, study, say)), "", *_grid(grids.gap_grid(one.gap, study, say))]
    if study.decode.no_gap:
        lines += [plain(grids.no_gap_text(study.decode, say)), ""]
    lines += [f"## {say('roofline.head')}", ""]
    for row in study.rows:
        said = verdict_of(row, study, group, say)
        lines += [f"- **{plain(row.label)}** {plain(say.together(said))}"] if said else []
    lines += ["", *_grid(grids.roofline_grid(study.rows, study, say)), plain(say("roofline.note")), ""]
    for row in study.rows:
        if placed := grids.placement_grid(row, say):
            lines += [f"**{say('placement.head')}: {plain(placed.caption)}**", "", *_grid(placed)]
    lines += [f"## {say('origin.head')}", "", *_grid(grids.origin_grid(study.rows, study, say))]
    return lines


def _grid(grid: Grid) -> list[str]:
    return [*_table(grid.head, grid.rows), ""]


def _comparison(laid_out: Table, say: Words) -> list[str]:
    def cells(line: Line) -> tuple[str, ...]:
        apart = f" ({say('status.not_comparable')})"
        name = line.row.label if line.row.conclusive else f"{line.row.label}{apart}"
        return (name, _cell(line.relative), *(_cell(line.cells[at]) for at in shown), line.parity)

    shown = laid_out.measured_columns
    titles = (say.title(laid_out.metrics[at]) for at in shown)
    head = (say("page.target"), say("page.fastest_column"), *titles, say("page.parity"))
    return _table(head, [cells(line) for line in (*laid_out.comparable, *laid_out.set_apart)])


def _modelled(laid_out: Table, say: Words) -> list[str]:
    """Modelled targets in a table of their own, with the columns that any of them fills."""
    lines = laid_out.modelled
    shown = laid_out.modelled_columns
    head = (say("page.target"), *(say.title(laid_out.metrics[at]) for at in shown), say("page.parity"))
    body = [(_modelled_name(line, say), *(_cell(line.cells[at]) for at in shown), line.parity) for line in lines]
    return [f"**{say('modelled.block')}**", "", *_table(head, body), ""]


def _modelled_name(line: Line, say: Words) -> str:
    apart = line.row.record.status != "modelled"
    return f"{line.row.label} ({say('status.not_comparable')})" if apart else line.row.label


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


def _broken(row: Row, say: Words) -> list[str]:
    failure, status = row.record.failure, say(f"status.{row.record.status}")
    if failure is None:
        return [f"- {plain(row.label)}: {status}. {provenance.sentence(say('page.no_reason'))}"]
    todo = say("page.what_to_do", remedy=provenance.sentence(failure.remedy)) if failure.remedy else ""
    remedy = f" {plain(todo)}" if todo else ""
    said = [f"- {plain(row.label)}: {status}. {plain(provenance.sentence(failure.reason))}{remedy}"]
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


def _machines(comparison: Comparison, say: Words) -> list[str]:
    lines = [f"## {say('page.machines')}", ""]
    unknown = say("origin.not_established")
    for bundle in comparison.bundles:
        lines += [f"**{plain(comparison.machines[bundle.host.fingerprint])}**", ""]
        head = tuple(say(f"page.{name}") for name in ("part", "name", "vendor", "designed_in", "details", "source"))
        lines += _table(head, [
            (part.kind, part.name, part.vendor or unknown, provenance.designer(part, say),
             provenance.part_facts(part), part.source)
            for part in bundle.host.components
        ])  # fmt: skip
        unread = [f"{part} ({why})" for part, why in bundle.host.unread.items()]
        lines += ["", *([f"- {plain(say('page.unread_parts', parts=say.clauses(unread)))}"] if unread else [])]
        run = (say("facts.run"), f"{bundle.path.name}, {bundle.index.created}, {bundle.index.state}")
        lines += [*_facts([run, *provenance.ceiling_facts(bundle, say)]), ""]
    return lines


def _code(text: str) -> str:
    """An indented-safe fence that ``text`` itself cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
