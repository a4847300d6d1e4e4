"""``chipassay check``: the gate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reports.gate.result import CheckResult

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""The file GitHub Actions shows on the page of a job; other CIs that set it are served too."""


@click.command("check", short_help="Gate for CI: runs against a baseline and budgets.")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BUNDLE...")
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="PATH",
    help="A bundle, a baseline file or a folder of baselines. Default: .chipassay/baselines, if it exists.",
)  # fmt: skip
@click.option("--budgets", type=click.Path(path_type=Path), metavar="FILE", help="Limits in TOML; see docs/ci.md.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Metrics that can fail; repeatable.")
@click.option(
    "--smallest-effect", type=click.FloatRange(0, 50), default=3.0, show_default=True, metavar="PERCENT",
    help="Ignore losses below this.",
)  # fmt: skip
@click.option(
    "--loss", type=click.FloatRange(0, 90, min_open=True), default=10.0, show_default=True, metavar="PERCENT",
    help="Loss to catch. A metric is inconclusive until this loss is ruled out.",
)  # fmt: skip
@click.option("--allow-different-machine", is_flag=True, help="Compare even if the machine's fingerprint differs.")
@click.option("--allow-different-targets", is_flag=True, help="Compare only the targets that both sides have.")
@click.option("--strict", is_flag=True, help="Fail on inconclusive metrics too.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a Markdown summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(
    bundles: tuple[Path, ...],
    baseline: Path | None,
    budgets: Path | None,
    metrics: tuple[str, ...],
    smallest_effect: float,
    loss: float,
    allow_different_machine: bool,
    allow_different_targets: bool,
    strict: bool,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Judge the runs of one commit against a baseline and budgets. Each BUNDLE is one run.

    The exit status is 0 when nothing regressed and no budget is broken, 1 when something did, and 2 when the runs
    cannot be compared. Inconclusive metrics are reported but do not fail the check unless --strict is given.
    """
    from backends.common.errors import InputError, unknown
    from profiler.metrics.catalogue import METRICS
    from profiler.records.bundle import read_bundle
    from reports.gate import policy
    from reports.gate.budgets import read_budgets
    from reports.gate.check import Options, check_bundles
    from reports.gate.series import identity_of, measured_ids
    from reports.gate.store import DEFAULT_FOLDER, find_baseline
    from reports.render.json_report import dependence_of_bundle

    for name in metrics:
        if name not in (known := [metric.name for metric in METRICS]):
            raise unknown("metric", name, known)
    if smallest_effect >= loss:
        raise InputError(f"--smallest-effect {smallest_effect:g} must be below --loss {loss:g}")
    if baseline is None and DEFAULT_FOLDER.is_dir():
        baseline = DEFAULT_FOLDER
    if baseline is None and budgets is None:
        raise InputError(f"nothing to check against: give --baseline or --budgets ({DEFAULT_FOLDER} does not exist)")
    runs = [read_bundle(path) for path in bundles]
    found = find_baseline(baseline, identity_of(runs[0]), any_machine=allow_different_machine) if baseline else None
    limits = read_budgets(budgets, measured_ids(runs[0])) if budgets else None
    options = Options(
        metrics or policy.GATED, smallest_effect / 100, loss / 100, allow_different_machine, allow_different_targets,
        strict,
    )  # fmt: skip
    result = check_bundles(runs, found, limits, options, dependence_of_bundle)
    _write(result, junit, markdown)
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode(result).decode(), nl=False)
    else:
        from rich.console import Console

        from reports.render.gate_table import print_check

        print_check(result, Console())
    sys.exit(result.exit_code)


def _write(result: CheckResult, junit: Path | None, markdown: Path | None) -> None:
    """The files asked for, and the CI's step summary where there is one."""
    from backends.common.errors import storage_errors
    from profiler.records.publish import publish
    from reports.render.gate_junit import render_junit
    from reports.render.gate_markdown import render_check_markdown

    remedy = "name another file, or free some room"
    text = render_check_markdown(result)
    if junit is not None:
        publish({junit.name: render_junit(result)}, junit.parent, remedy)
    if markdown is not None:
        publish({markdown.name: text}, markdown.parent, remedy)
    if summary := os.environ.get(STEP_SUMMARY):
        path = Path(summary)
        remedy = f"unset {STEP_SUMMARY}, or name a file that can be written"
        with storage_errors(path, remedy), path.open("a", encoding="utf-8") as handle:
            handle.write(f"{text}\n")
