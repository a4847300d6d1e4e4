"""``make depth-check``: figures extended from sampled depths against those of the whole model, measured in turn.

Every round samples the model and runs it whole, so that a slow drift of the machine meets both. Prints the median of
extended over whole, and how often the interval of the extended figure held the whole one. Exit status 1 if a median is
farther than the wish from 1.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from backends.contract.registry import parse_target
from backends.qwen.synthetic import synthetic_model
from profiler.depth.session import run_sampled
from profiler.host.machine import physical_cores
from profiler.models.presets import find_preset
from profiler.models.workloads import make_workload
from profiler.records.quantity import Quantity
from profiler.run.progress import Progress
from profiler.run.request import Request
from profiler.run.session import run_session
from profiler.statistics.medians import median

MODELS = ("qwen3-0.6b", "qwen3.5-0.8b")
FIGURES = ("decode_throughput", "prefill_throughput", "tpot_p50", "ttft", "peak_memory")
WISHED = ("decode_throughput", "prefill_throughput")
WISH = 0.03


@dataclass(frozen=True, slots=True)
class Round:
    """One figure of one target, extended and of the whole model."""

    extended: Quantity
    whole: Quantity

    @property
    def ratio(self) -> float:
        """Return extended over whole; not a number where one is missing."""
        return (self.extended.value or float("nan")) / (self.whole.value or float("nan"))

    @property
    def held(self) -> bool:
        """Return whether the interval of the extended figure holds the whole one."""
        ends, value = self.extended.ci95, self.whole.value
        return ends is not None and value is not None and ends[0] <= value <= ends[1]


def measure(name: str, targets: tuple[str, ...], budget_s: float, rounds: int) -> dict[tuple[str, str], list[Round]]:
    """Return the rounds of every target and figure."""
    model = synthetic_model(find_preset(name).spec)
    request = Request(
        model, make_workload("smoke", model, 128, 32), tuple(parse_target(each, None) for each in targets),
        physical_cores(), budget_s, 0.01, 900 + 4 * budget_s, f"chipassay profile --model {name} --layers auto",
        one_by_one=True,
    )  # fmt: skip
    found: dict[tuple[str, str], list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder, Progress(Console(stderr=True)) as progress:
        for at in range(rounds):
            sampled = run_sampled(request, Path(folder) / f"sampled-{at}", progress)
            whole = run_session(request, Path(folder) / f"whole-{at}", progress)
            for one, other in zip(sampled.records, whole.records, strict=True):
                for figure in FIGURES:
                    pair = Round(one.metrics[figure], other.metrics[figure])
                    found.setdefault((one.id, figure), []).append(pair)
    return found


@click.command()
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--target", "targets", multiple=True, default=("torch-cpu",), show_default=True)
@click.option("--budget", default=20.0, show_default=True, help="Seconds of measuring per target and depth.")
@click.option("--rounds", default=3, show_default=True)
def main(models: tuple[str, ...], targets: tuple[str, ...], budget: float, rounds: int) -> None:
    """Print a Markdown table, a row a figure."""
    missed = False
    print("| model | target | figure | extended / whole, median | each round | interval held it |")
    print("|---|---|---|--:|---|--:|")
    for name in models:
        for (target, figure), made in measure(name, targets, budget, rounds).items():
            ratios = [one.ratio for one in made]
            middle = median(ratios)
            missed |= figure in WISHED and not abs(middle - 1) <= WISH
            each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            held = sum(one.held for one in made)
            print(f"| {name} | {target} | {figure} | {middle:.3f} | {each} | {held} of {len(made)} |", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
