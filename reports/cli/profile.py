"""``chipassay profile``: run a workload on targets, write a bundle, print the comparison."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from backends.contract.registry import Target
    from profiler.records.bundle import Bundle
    from reports.judge.judgement import Judgement

DEFAULT_TARGETS = ("torch-cpu", "onnx-cpu")
AUTO = "auto"
"""What ``--layers`` says to have the depths chosen."""


class _WorkloadOption(click.Option):
    """Its help lists the workloads' names, which are read only when the help is asked for."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from profiler.models.workloads import workload_entries

        self.help = f"{', '.join(workload_entries())}."
        return super().get_help_record(ctx)


class _Layers(click.IntRange):
    """A number of layers, or ``auto``."""

    name = "N|auto"

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == AUTO:
            return AUTO
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither a number of layers nor {AUTO!r}", param, ctx)


@click.command(short_help="Run a workload on targets, write a bundle, compare.")
@click.option("--model", required=True, help="A preset (see `chipassay models`) or the folder of a local checkpoint.")
@click.option("--workload", cls=_WorkloadOption, default="chat", show_default=True)
@click.option(
    "--target",
    "targets",
    multiple=True,
    default=DEFAULT_TARGETS,
    show_default=True,
    help="backend[:device][@precision]; repeat it for several.",
)
@click.option(
    "--dtype",
    help="Precision of targets that name none. Default: float32, and for a vendor's compiler the one that its chips "
    "run best.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run bundle.")
@click.option("--overwrite", is_flag=True, help="Replace an existing bundle once the new one is complete.")
@click.option("--prompt-tokens", type=click.IntRange(min=1), help="Length of the prompt, instead of the workload's.")
@click.option("--output-tokens", type=click.IntRange(min=1), help="Tokens to generate, instead of the workload's.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Sequences run side by side.")
@click.option("--image", metavar="WxH", help="Size of a picture in the prompt: 1024x768.")
@click.option(
    "--thinking-tokens",
    type=click.IntRange(min=0),
    help="How many of the output tokens are thought before the answer, instead of the workload's.",
)
@click.option("--turns", type=click.IntRange(min=2), help="How many turns the workload agent takes. Default: 5.")
@click.option(
    "--prefix-cache",
    type=click.Choice(["on", "off"]),
    help="For the workload agent: keep the cache from turn to turn, or prefill all again. Default: off.",
)
@click.option(
    "--layers",
    type=_Layers(),
    help="Cut a preset to this many layers; auto measures two or three depths that fit in memory and extends their "
    "figures along a line to the whole depth.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the synthetic weights.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads on the CPU; default: physical cores.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of measuring per target.",
)
@click.option(
    "--precision",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Stop when the 95 % interval of the median is within this many percent.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds after which a worker counts as hung; default: 900 + 4 x budget, or 3600 with a compiler.",
)
@click.option(
    "--allow-modelled-energy",
    is_flag=True,
    help="Without a meter, give bounds from the chip's design power, marked as modelled.",
)
@click.option(
    "--wall-meter",
    envvar="CHIPASSAY_WALL_METER",
    show_envvar=True,
    metavar="FILE.csv|URL",
    help="Read a meter at the wall socket too: a CSV file that a logger appends to, with the columns "
    "timestamp (ISO 8601 or Unix seconds) and power_w and/or energy_wh, energy_kwh, energy_j (cumulative); or an http "
    "address that answers JSON as Shelly (/rpc/Switch.GetStatus?id=0, /meter/0) or Tasmota (/cm?cmnd=Status%208) does, "
    'or {"power_w": .., "energy_wh": .., "timestamp": ..}. It lengthens every target by up to two minutes.',
)
@click.option(
    "--reference",
    "reference_device",
    default="cpu",
    show_default=True,
    help="Where the float32 reference is computed: cpu, or an accelerator such as cuda:0.",
)
@click.option(
    "--routing",
    type=click.Path(path_type=Path),
    help="Choose experts as this file says, recorded by --record-routing. Without it routers choose, and those of "
    "synthetic weights read more experts than real ones.",
)
@click.option(
    "--record-routing", type=click.Path(path_type=Path), help="Write which experts the reference chooses to this file."
)
@click.option(
    "--one-by-one",
    is_flag=True,
    help="Run targets one after the other. By default those on the host's processor stay loaded together, as far as "
    "memory allows, and take turns: what the machine does to one it does to the other.",
)
@click.option("--report", "report_dir", type=click.Path(path_type=Path), help="Write the reports into this folder too.")
@click.option("--json", "as_json", is_flag=True, help="Print the bundle's index and figures as JSON.")
def profile(
    model: str,
    workload: str,
    targets: tuple[str, ...],
    dtype: str | None,
    out: Path,
    overwrite: bool,
    prompt_tokens: int | None,
    output_tokens: int | None,
    batch: int,
    image: str | None,
    thinking_tokens: int | None,
    turns: int | None,
    prefix_cache: str | None,
    layers: int | str | None,
    seed: int,
    threads: int | None,
    budget: float,
    precision: float,
    timeout: float | None,
    allow_modelled_energy: bool,
    wall_meter: str | None,
    reference_device: str,
    routing: Path | None,
    record_routing: Path | None,
    one_by_one: bool,
    report_dir: Path | None,
    as_json: bool,
) -> None:
    """Run the same Qwen workload on every target, each in a separate process, and compare.

    The exit status is 0 when every target gave comparable figures, 1 when one failed or differs too much from the
    float32 reference, and 3 when one is unavailable here.
    """
    from rich.console import Console

    from backends.common.errors import InputError
    from backends.qwen.routing import replaying
    from profiler.depth.session import run_sampled
    from profiler.devices.wall import check_wall_meter
    from profiler.host.machine import physical_cores
    from profiler.models.presets import find_model
    from profiler.models.workloads import image_size, make_workload
    from profiler.records.bundle import check_destination, read_bundle
    from profiler.run.progress import Progress
    from profiler.run.request import Request
    from profiler.run.session import run_session
    from reports.cli.report import FORMATS, write_judgement
    from reports.judge.comparison.comparison import compare
    from reports.judge.judgement import judge

    parsed = _targets(targets, dtype)
    check_destination(out, overwrite=overwrite)
    found = find_model(model, layers if isinstance(layers, int) else None, seed)
    work = make_workload(
        workload,
        found,
        prompt_tokens,
        output_tokens,
        batch,
        image=image_size(image) if image else None,
        thinking_tokens=thinking_tokens,
        turns=turns,
        prefix_cache=prefix_cache == "on" if prefix_cache else None,
    )
    if record_routing is not None and found.spec.experts is None:
        raise InputError(f"--record-routing: {found.spec.name} has no experts")
    if routing is not None:
        found = replaying(found, routing, batch, work.total_tokens - 1)
    request = Request(
        model=found,
        workload=work,
        targets=parsed,
        threads=threads or physical_cores(),
        budget_s=budget,
        precision_wanted=precision / 100,
        timeout_s=timeout or _patience_s(parsed, budget),
        command=_command(wall_meter),
        modelled_energy=allow_modelled_energy,
        wall_meter=check_wall_meter(wall_meter) if wall_meter else "",
        reference_device=_reference_device(reference_device),
        record_routing=record_routing,
        one_by_one=one_by_one,
    )
    with Progress(Console(stderr=True)) as progress:
        outcome = (run_sampled if layers == AUTO else run_session)(request, out, progress)
    bundle = read_bundle(outcome.path)
    judgement = judge(compare([bundle]))
    written = write_judgement(judgement, report_dir, FORMATS, "en") if report_dir else []
    _print(bundle, judgement, written, as_json=as_json)
    if outcome.interrupted:
        sys.exit(130)
    statuses = {record.status for record in outcome.records}
    sys.exit(3 if "unavailable" in statuses else 1 if statuses - {"ok", "sampled", "modelled"} else 0)


def _print(bundle: Bundle, judgement: Judgement, written: Sequence[Path], *, as_json: bool) -> None:
    """Print the bundle's index and records as JSON, or the comparison and the paths written."""
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode({"bundle": str(bundle.path), "index": bundle.index, "targets": bundle.targets}).decode())
        return
    from rich.console import Console

    from reports.render.terminal import print_report

    print_report(judgement, Console())
    click.echo(f"bundle  {bundle.path}")
    for path in written:
        click.echo(f"report  {path}")


def _targets(texts: Sequence[str], dtype: str | None) -> tuple[Target, ...]:
    """Return the parsed targets; one that is named twice is an error."""
    from backends.common.errors import InputError
    from backends.contract.registry import parse_target

    parsed = tuple(parse_target(text, dtype) for text in texts)
    twice = {target.id for target in parsed if sum(other == target for other in parsed) > 1}
    if twice:
        raise InputError(f"target {sorted(twice)[0]} is asked for twice; name each once")
    return parsed


def _patience_s(targets: Sequence[Target], budget_s: float) -> float:
    """Return how long a worker may take: a vendor's simulator needs minutes where a chip takes milliseconds."""
    from backends.contract.registry import is_compiler

    usual_s = 900 + 4 * budget_s
    return max(usual_s, 3600.0) if any(is_compiler(target.backend) for target in targets) else usual_s


def _command(wall_meter: str | None) -> str:
    """Return the command line for the bundle, without secrets that a wall meter's address may hold."""
    from profiler.devices.wall import public_name

    said = ["chipassay", *sys.argv[1:]]
    if wall_meter and "://" in wall_meter:
        said = [word.replace(wall_meter, public_name(wall_meter)) for word in said]
    return shlex.join(said)


def _reference_device(text: str) -> str:
    """Return the accelerator that ``--reference`` names, which must be available; empty for the processor."""
    from backends.common.errors import InputError, UnavailableError
    from backends.contract.registry import is_compiler, load_backend

    if text == "cpu":
        return ""
    name, _, device = text.partition(":")
    if is_compiler(name):
        raise InputError(
            f"--reference {text}: {name} runs nothing, it asks its vendor's tools; name cpu or an accelerator"
        )
    backend = load_backend(name)
    here = backend.probe(device)
    if not here.available:
        raise UnavailableError(f"--reference {text} is unavailable: {here.reason}; {here.remedy}")
    accelerator = backend.accelerator(device)
    if accelerator is None:
        raise InputError(f"--reference takes cpu or an accelerator such as cuda:0, not {text!r}")
    return accelerator
