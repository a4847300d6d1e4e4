"""``chipassay race``: the same targets in two Python environments, in turns."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from profiler.run.request import Request
    from reports.gate.pairs import PairedChange


@click.command("race", short_help="Two environments, two commits or engines, in one sitting.")
@click.option(
    "--environment", "environments", multiple=True, required=True, metavar="FOLDER",
    help="A virtual environment with chipassay in it; give two. The second is judged against the first.",
)  # fmt: skip
@click.option("--model", required=True, help="A preset (see `chipassay models`) or the folder of a local checkpoint.")
@click.option("--target", "targets", multiple=True, default=("onnx-cpu",), show_default=True, help="Repeatable.")
@click.option("--layers", type=click.IntRange(min=1), help="Cut a preset to this many layers.")
@click.option("--prompt-tokens", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--output-tokens", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads on the CPU; default: physical cores.")
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Seconds per target and environment.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the bundles.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def race(environments: tuple[str, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Race two Python environments on the same work, and judge the second against the first.

    Workers of both stay loaded and take turns, eight decode steps at a time: what the machine does to one it does to
    the other. The exit status is 0 when no target is slower, 1 when one is, and 2 when they cannot race.
    """
    from rich.console import Console

    from backends.common.errors import InputError
    from profiler.run.environments import find_environment, race_environments
    from profiler.run.progress import Progress
    from reports.gate.pairs import paired_change

    if len(environments) != 2:
        raise InputError(f"--environment was given {len(environments)} times; give two")
    if out.exists():
        raise InputError(f"{out} exists; name a new folder")
    found = [find_environment(name) for name in environments]
    request = _request(command=f"chipassay race --out {out}", **options)
    with Progress(Console(stderr=True)) as progress:
        first, second = race_environments(request, found, out, progress)
    pairs = list(zip(first.records, second.records, strict=True))
    changes = [paired_change(*pair, phase) for pair in pairs for phase in ("decode", "prefill")]
    if as_json:
        names = [{"environment": one.name, "chipassay": one.version} for one in found]
        click.echo(json.dumps({"environments": names, "changes": [_document(one) for one in changes]}, indent=2))
    else:
        _show(changes, [f"{one.name} (chipassay {one.version})" for one in found])
    failed = [(number, one) for pair in pairs for number, one in enumerate(pair, 1) if one.status != "ok"]
    for number, record in failed:
        why = record.failure.reason if record.failure else record.status
        click.echo(f"{record.id} in {environments[number - 1]}: {why}", err=True)
    sys.exit(1 if failed or any(one.verdict == "slower" for one in changes) else 0)


def _request(
    model: str, targets: Sequence[str], layers: int | None, prompt_tokens: int, output_tokens: int,
    threads: int | None, budget: float, command: str,
) -> Request:  # fmt: skip
    from backends.contract.registry import parse_target
    from profiler.host.machine import physical_cores
    from profiler.models.presets import find_model
    from profiler.models.workloads import make_workload
    from profiler.run.request import Request

    made = find_model(model, layers, 0)
    return Request(
        model=made,
        workload=make_workload("chat", made, prompt_tokens, output_tokens, 1),
        targets=tuple(parse_target(name, "float32") for name in targets),
        threads=threads or physical_cores(),
        budget_s=budget,
        precision_wanted=0.02,
        timeout_s=600 + 20 * budget,
        command=command,
    )


def _document(change: PairedChange) -> dict[str, Any]:
    return {
        "target": change.target, "phase": change.phase, "verdict": change.verdict, "ratio": change.ratio,
        "interval_98": change.interval, "pairs": change.pairs, "left_out": change.left_out,
    }  # fmt: skip


def _show(changes: list[PairedChange], names: list[str]) -> None:
    click.echo(f"first:   {names[0]}\nsecond:  {names[1]}\n")
    for one in changes:
        if one.ratio is None or one.interval is None:
            click.echo(f"{one.target}  {one.phase}: {one.verdict}, {one.pairs} pairs are too few; raise --budget")
            continue
        low, high = one.interval
        dropped = f", {one.left_out} disturbed pairs left out" if one.left_out else ""
        click.echo(
            f"{one.target}  {one.phase}: {one.verdict}; the second ran at {one.ratio:.3f} times the speed of the first "
            f"(98 % interval {low:.3f}–{high:.3f}, {one.pairs} pairs{dropped})"
        )
