"""``make gpu-check``: what only a GPU can prove, and the run bundles that show it.

Weights bit-identical to the processor's, parity of every precision, telemetry, and the speed that is wanted, each
figure beside the ceilings that a copy and a product reached in the same run. Exit status 1 if something is wrong; a
speed that is not reached is said, and is not an error. Run it in an environment where chipassay and a CUDA build of
PyTorch are installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from backends.common.errors import ChipassayError, UnavailableError
from backends.contract.backend import Execution
from backends.torch_device.backend import Cuda
from profiler.host.machine import physical_cores
from profiler.models.presets import find_model
from profiler.models.workloads import make_workload
from profiler.records.bundle import Bundle, read_bundle
from profiler.records.quantity import Quantity
from tests.benchmarks.contenders import find_contender
from tests.benchmarks.costs import measuring_cost
from tests.benchmarks.lane import Course
from tests.benchmarks.race import run_heat
from tests.benchmarks.score import score_heat
from tests.benchmarks.wanted import Wish
from tests.benchmarks.zeus_check import compare_with_zeus

RACE_ROUNDS = 8
COST_BLOCKS = 8
COST_OUTPUT_TOKENS = 256
ZEUS_S = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One ``chipassay profile``; ``precisions`` are those of the device's targets, ``beside`` are other targets."""

    name: str
    arguments: tuple[str, ...]
    precisions: tuple[str, ...]
    beside: tuple[str, ...] = ()
    reference_on_device: bool = False


ALL = ("bfloat16", "float16", "float32", "int8", "int4", "float8")
RUNS = (
    Run("small", ("--model", "qwen3-0.6b", "--workload", "chat"), ALL, ("torch-cpu@bfloat16",)),
    Run("large", ("--model", "qwen3-8b", "--workload", "chat"), ("bfloat16", "int8", "int4", "float8"), (), True),
    Run(
        "batch",
        (
            "--model",
            "qwen3-8b",
            "--workload",
            "chat",
            "--prompt-tokens",
            "1024",
            "--output-tokens",
            "64",
            "--batch",
            "64",
        ),
        ("bfloat16",),
        (),
        True,
    ),
    Run(
        "prompt",
        ("--model", "qwen3-8b", "--workload", "long-context", "--prompt-tokens", "4096", "--output-tokens", "8"),
        ("bfloat16",),
        (),
        True,
    ),
)

WANTED = (
    ("Qwen3-8B bf16, batch 1 decode: MBU", "large", "mbu", 0.80),
    ("Qwen3-0.6B bf16, batch 1 decode: MBU", "small", "mbu", 0.40),
    ("Qwen3-8B bf16, batch 64 decode, 1k context: share of its roofline", "batch", "mbu", 0.70),
    ("Qwen3-8B bf16, prefill of 4096: MFU of the measured product", "prompt", "mfu", 0.60),
)
"""What is wanted, the run and the figure that tell it, and the bound. MBU counts weights and KV cache."""


@click.command()
@click.option("--device", default="0", show_default=True, help="Number of the CUDA device.")
@click.option("--run", "chosen", multiple=True, type=click.Choice([run.name for run in RUNS]), help="Default: all.")
@click.option("--budget", type=float, default=20.0, show_default=True, help="Seconds of measuring per target.")
@click.option("--race/--no-race", default=True, show_default=True, help="Compare with transformers' generate.")
@click.option("--cost/--no-cost", default=True, show_default=True, help="Measure what telemetry costs; ask Zeus too.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/gpu-check"), show_default=True)
def main(device: str, chosen: tuple[str, ...], budget: float, race: bool, cost: bool, out: Path) -> None:
    """Prove on a GPU what nothing else can prove."""
    here = Cuda.probe(device)
    if not here.available:
        raise click.ClickException(f"cuda:{device}: {here.reason}; {here.remedy}")
    out.mkdir(parents=True, exist_ok=True)
    bundles = {run.name: _profile(run, device, budget, out) for run in RUNS if not chosen or run.name in chosen}
    ratios: dict[str, Quantity] = {}
    if race:
        for model in ("qwen3-0.6b", "qwen3-8b"):
            try:
                ratios[model] = _over_generate(model, device, out)
            except ChipassayError as error:
                click.echo(f"{model} against transformers: {error}", err=True)
    wrong = [line for name, bundle in bundles.items() if bundle for line in _wrong(name, bundle)]
    wrong += [f"{name}: no bundle was written" for name, bundle in bundles.items() if bundle is None]
    taken = _cost(device, out) if cost else None
    lines = [_table(bundles, ratios, taken), *([_zeus(device)] if cost else []), *(f"WRONG  {line}" for line in wrong)]
    text = "\n".join(lines) + "\n"
    (out / "gpu-check.md").write_text(text)
    click.echo(text)
    sys.exit(1 if wrong else 0)


def _profile(run: Run, device: str, budget: float, out: Path) -> Bundle | None:
    """Run the command line as a user does; None if it left no bundle."""
    targets = [*(f"cuda:{device}@{precision}" for precision in run.precisions), *run.beside]
    command = [
        sys.executable, "-m", "reports.cli.main", "profile", *run.arguments, "--budget", str(budget), "--overwrite",
        *(word for target in targets for word in ("--target", target)),
        *(("--reference", f"cuda:{device}") if run.reference_on_device else ()),
        "--out", str(out / run.name), "--report", str(out / f"{run.name}-report"),
    ]  # fmt: skip
    click.echo(f"$ {' '.join(command)}", err=True)
    subprocess.run(command, check=False)
    try:
        return read_bundle(out / run.name)
    except ChipassayError:
        return None


def _wrong(name: str, bundle: Bundle) -> list[str]:
    """What must not be, in words."""
    found = []
    for record in bundle.targets:
        if record.status == "unavailable":
            continue
        if record.status != "ok" or record.worker is None:
            reason = record.failure.reason if record.failure else record.status
            found.append(f"{name}: {record.id}: {reason}")
            continue
        own, reference = record.worker.engine.weights_digest, bundle.reference
        if record.accelerator and reference and own != reference.weights_digest:
            found.append(f"{name}: {record.id}: its weights differ from the reference's")
        if record.accelerator and record.energy is None:
            found.append(f"{name}: {record.id}: no energy: {record.metrics['energy_per_output_token'].method}")
    return found


def _over_generate(model_name: str, device: str, out: Path) -> Quantity:
    """How many times as fast as transformers' ``generate`` this path decodes: turn by turn, on the same device."""
    model = find_model(model_name, None, 0)
    workload = make_workload("chat", model, 128, 64)
    logs = out / "logs"
    logs.mkdir(exist_ok=True)
    course = Course(model, workload, physical_cores(), logs, device)
    entrants = [find_contender(f"{engine}@bfloat16") for engine in ("cuda", "transformers")]
    heat = run_heat(course, entrants, RACE_ROUNDS, lambda text: click.echo(text, err=True))
    if heat.failures:
        raise UnavailableError("; ".join(f"{name}: {why}" for name, why in heat.failures.items()))
    entries = {entry.contender.engine: entry for entry in score_heat(course, heat, 1)}
    (out / f"race-{model_name}.json").write_text(
        json.dumps(
            {name: {key: figure.value for key, figure in entry.metrics.items()} for name, entry in entries.items()}
        )
    )
    return entries["transformers"].ratios["cuda"]


def _cost(device: str, out: Path) -> Quantity:
    """Share of throughput that sampling takes, with and without in turn."""
    model = find_model("qwen3-0.6b", None, 0)
    course = Course(model, make_workload("smoke", model, 8, COST_OUTPUT_TOKENS), physical_cores(), out / "logs", device)
    course.logs.mkdir(exist_ok=True)
    subject = find_contender("cuda@bfloat16")
    return measuring_cost(course, COST_BLOCKS, lambda text: click.echo(text, err=True), subject, COST_OUTPUT_TOKENS)


def _zeus(device: str) -> str:
    """Our joules beside Zeus', in a sentence."""
    model = find_model("qwen3-0.6b", None, 0)
    workload = make_workload("chat", model, 128, 64)
    backend = Cuda()
    backend.load(Execution(model, "bfloat16", physical_cores(), 1, workload.total_tokens, device), lambda text: None)
    prompt = np.asarray(workload.prompt_ids, dtype=np.int64)
    found = compare_with_zeus(lambda: backend.generate(prompt, 64), Cuda.accelerator(device), ZEUS_S)
    if isinstance(found, str):
        return f"zeus: {found}"
    verdict = "agree" if found.agrees else "DISAGREE"
    return (
        f"zeus: {found.zeus_j:.1f} J, ours {found.ours.energy_j:.1f} ± {found.ours.error_j:.1f} J "
        f"over {found.zeus_s:.1f} s; they {verdict} ({100 * found.difference:+.2f} %)"
    )


def _table(bundles: dict[str, Bundle | None], ratios: dict[str, Quantity], cost: Quantity | None) -> str:
    wishes = [Wish(what, bound, True, _figure(bundles.get(run), metric)) for what, run, metric, bound in WANTED]
    wishes += [
        Wish(f"{model} bf16 decode over transformers generate", 5.0, True, ratios.get(model))
        for model in ("qwen3-0.6b", "qwen3-8b")
    ]
    wishes.append(Wish("share of throughput that telemetry costs", 0.01, False, cost))
    lines = ["| wanted | bound | measured | reached |", "|---|---|---|---|"]
    lines += [
        f"| {wish.what} | {'≥' if wish.at_least else '≤'} {wish.bound:g} | {_shown(wish.figure)} | {wish.verdict} |"
        for wish in wishes
    ]
    for name, bundle in bundles.items():
        lines += ["", f"{name}: {bundle.index.model.spec.name}" if bundle else f"{name}: nothing"]
        for record in bundle.targets if bundle else ():
            shown = {key: _shown(record.metrics.get(key)) for key in ("decode_throughput", "mbu", "mfu", "ttft")}
            lines.append(
                f"  {record.id}: {record.status}; " + ", ".join(f"{key} {value}" for key, value in shown.items())
            )
    return "\n".join(lines)


def _figure(bundle: Bundle | None, metric: str) -> Quantity | None:
    if bundle is None:
        return None
    for record in bundle.targets:
        if record.accelerator and record.precision == "bfloat16" and record.status == "ok":
            return record.metrics[metric]
    return None


def _shown(figure: Quantity | None) -> str:
    if figure is None or figure.value is None:
        return "not measured"
    interval = f" [{figure.ci95[0]:.3g}, {figure.ci95[1]:.3g}]" if figure.ci95 else ""
    return f"{figure.value:.3g}{interval}"


if __name__ == "__main__":
    main()
