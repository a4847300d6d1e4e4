"""``make bench``: our backends and their peers side by side, beside the machine's own ceilings, in one run."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from backends.common.errors import ChipassayError
from profiler.host.machine import physical_cores
from profiler.inventory import take_inventory
from profiler.models.presets import find_model
from profiler.models.workloads import make_workload
from profiler.records.quantity import Quantity
from tests.benchmarks.contenders import Contender, contenders, find_contender
from tests.benchmarks.costs import measuring_cost, startup_times
from tests.benchmarks.lane import Course
from tests.benchmarks.outcome import Outcome
from tests.benchmarks.race import Heat, plan_heats, run_heat
from tests.benchmarks.score import Entry, score_heat
from tests.benchmarks.table import render
from tests.benchmarks.wanted import wishes

PARTS = ("race", "cost", "startup")
COST_BLOCKS = 6


@click.command()
@click.option("--model", default="qwen3-0.6b", show_default=True, help="A preset, or the folder of a checkpoint.")
@click.option("--layers", type=click.IntRange(min=1), help="Cut a preset to this many layers.")
@click.option("--prompt-tokens", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--output-tokens", type=click.IntRange(min=2), default=32, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Repetitions of everyone.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for everyone; default: physical cores.")
@click.option("--only", multiple=True, help="engine@precision; repeat it for several. Default: everything.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench"), show_default=True)
def main(
    model: str,
    layers: int | None,
    prompt_tokens: int,
    output_tokens: int,
    rounds: int,
    threads: int | None,
    only: tuple[str, ...],
    parts: tuple[str, ...],
    out: Path,
) -> None:
    """Compare speed with peers: interleaved, at equal thread counts, beside the measured ceilings."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    logs = out / f"{stamp}.logs"
    try:
        entrants = [find_contender(text) for text in only] or list(contenders())
        found = find_model(model, layers, 0)
        workload = make_workload("chat", found, prompt_tokens, output_tokens)
        logs.mkdir(parents=True)
        course = Course(found, workload, threads or physical_cores(), logs)
        outcome = _run(course, entrants, rounds, parts)
    except ChipassayError as error:
        raise click.ClickException(str(error)) from error
    (out / f"{stamp}.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    text = render(outcome)
    (out / f"{stamp}.md").write_text(text)
    click.echo(text)
    click.echo(f"samples: {out / stamp}.json")


def _run(course: Course, entrants: Sequence[Contender], rounds: int, parts: Sequence[str]) -> Outcome:
    machine = _machine()
    absent: dict[str, str] = {}
    entries: list[Entry] = []
    heats: list[Heat] = []
    if "race" in parts:
        present = _present(entrants, absent)
        for group in plan_heats(course, present):
            heats.append(run_heat(course, group, rounds, _Clock()))
            absent |= heats[-1].failures
            entries += score_heat(course, heats[-1], len(heats))
    cost: Quantity | None = measuring_cost(course, COST_BLOCKS, _Clock()) if "cost" in parts else None
    startup = startup_times(course, _Clock()) if "startup" in parts else {}
    return Outcome(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=machine,
        model=course.model.spec.name,
        prompt_tokens=course.workload.prompt_tokens,
        output_tokens=course.workload.output_tokens,
        threads=course.threads,
        versions=tuple(dict.fromkeys(entry.version for entry in entries)),
        entries=tuple(entries),
        heats=tuple(heats),
        absent=absent,
        wishes=tuple(wishes(entries, cost, startup)),
    )


def _machine() -> str:
    parts = {part.kind: part for part in take_inventory(engines=False).components}
    processor, memory = parts["cpu"], parts["memory"]
    gib = memory.details["total_bytes"] / 2**30
    return f"{processor.name}, {processor.details['physical_cores']} cores, {gib:.0f} GiB"


def _present(entrants: Sequence[Contender], absent: dict[str, str]) -> list[Contender]:
    """Those that are installed; the others are listed with the reason."""
    present = []
    for contender in entrants:
        probe = contender.load_class().probe("")
        if probe.available:
            present.append(contender)
        else:
            absent[contender.id] = f"{probe.reason}; {probe.remedy}"
    return present


class _Clock:
    """Progress on standard error, with the seconds since the start."""

    _began = time.monotonic()

    def __call__(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began:6.0f} s  {text}", err=True)


if __name__ == "__main__":
    main()
