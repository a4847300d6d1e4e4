"""The runs of a baseline in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profiler.metrics.catalogue import METRICS
from profiler.statistics.medians import median
from profiler.statistics.runs import Run, typical_of_runs
from reports.gate import policy, wording
from reports.gate.baseline import Baseline

if TYPE_CHECKING:
    from rich.console import Console


def print_baseline(baseline: Baseline, console: Console) -> None:
    """Per target: the median of every gated metric in every run, and the spread between runs that follows."""
    from rich import box
    from rich.table import Table

    identity = baseline.identity
    console.print(f"{identity.model}, {identity.workload}, on {identity.chip}", markup=False, highlight=False)
    for target in baseline.target_ids:
        runs = [(run.created, run.targets[target]) for run in baseline.runs]
        shown = [
            metric for metric in METRICS
            if metric.name in policy.GATED and any(one.figures[metric.name].samples for _, one in runs)
        ]  # fmt: skip
        table = Table(title=target, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("Run")
        for metric in shown:
            table.add_column(metric.title, justify="right")
        for created, one in runs:
            cells = [
                wording.figure(median(samples) if (samples := one.figures[metric.name].samples) else None, metric.unit)
                for metric in shown
            ]
            table.add_row(created, *cells)
        spreads = []
        for metric in shown:
            held = [Run(samples) for _, one in runs if (samples := one.figures[metric.name].samples)]
            prior = policy.prior_of(metric)
            usable = all(min(run.samples) > 0 for run in held)
            spreads.append(f"{100 * typical_of_runs(held, (), prior).spread:.1f} %" if usable else "")
        table.add_section()
        table.add_row("spread", *spreads)
        console.print(table)
    console.print("Spread: relative standard deviation between runs, pooled with what is assumed beforehand.")
