"""``chipassay project``: a model and workload on chips that are not here, and how well such projections have held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from profiler.records.bundle import Bundle
    from reports.judge.projection.explain import Explanation
    from reports.judge.projection.projection import Projection


@click.command("project", short_help="What a workload would do on catalogue chips that are not here.")
@click.argument("bundle_path", metavar="[BUNDLE]", required=False, type=click.Path(path_type=Path))
@click.option("--chip", "chips", multiple=True, metavar="ID", help="A chip of the catalogue; repeat it for several.")
@click.option("--model", metavar="PRESET", help="A preset, instead of the bundle's model.")
@click.option("--precision", metavar="NAME", help="bf16 (default), fp8, w8a8, int8, int4, awq, fp4 or fp32.")
@click.option("--prompt-tokens", type=click.IntRange(min=1), help="Default: the bundle's, else 128.")
@click.option("--output-tokens", type=click.IntRange(min=1), help="Default: the bundle's, else 128.")
@click.option("--batch", type=click.IntRange(min=1), help="Sequences side by side. Default: the bundle's, else 1.")
@click.option("--devices", type=click.IntRange(min=1), help="Devices together. Default: as many as the model needs.")
@click.option("--stack", metavar="NAME", help="The engine, such as vllm, sglang or chitu. Default: the best evidenced.")
@click.option("--chips", "overlay", type=click.Path(path_type=Path), metavar="FILE", help="Your own chip entries.")
@click.option("--explain", is_flag=True, help="Show every parameter and the published rows behind it.")
@click.option("--backtest", "run_backtest", is_flag=True, help="Test the model on results it is not fitted to.")
@click.option(
    "--published",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="With --backtest: results to test on.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def project(
    bundle_path: Path | None,
    chips: tuple[str, ...],
    model: str | None,
    precision: str | None,
    prompt_tokens: int | None,
    output_tokens: int | None,
    batch: int | None,
    devices: int | None,
    stack: str | None,
    overlay: Path | None,
    explain: bool,
    run_backtest: bool,
    published: Path | None,
    as_json: bool,
) -> None:
    """Project BUNDLE's model and workload, or a preset, on chips of the catalogue.

    Every figure is modelled and has an 80 % interval. None is a measurement. --backtest shows how far the same model
    was off on published results that it had not seen.
    """
    # Many small solves: threads of the linear algebra library would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from backends.common.errors import InputError

    asked = {
        "BUNDLE": bundle_path, "--chip": chips, "--model": model, "--precision": precision, "--devices": devices,
        "--prompt-tokens": prompt_tokens, "--output-tokens": output_tokens, "--batch": batch, "--stack": stack,
        "--chips": overlay, "--explain": explain,
    }  # fmt: skip
    if run_backtest:
        given = [name for name, value in asked.items() if value]
        if given:
            raise InputError(f"--backtest tests on published results: leave out {', '.join(given)}")
        _backtest(published, as_json)
        return
    if published is not None:
        raise InputError("--published names results to test on: add --backtest")
    from reports.judge.projection.projection import project as answer

    bundle = _read(bundle_path)
    found = answer(
        chips, model=model, bundle=bundle, precision=precision, prompt_tokens=prompt_tokens,
        output_tokens=output_tokens, batch=batch, devices=devices, stack=stack, overlay=overlay,
    )  # fmt: skip
    from reports.judge.projection.track_record import track_record

    if as_json:
        from reports.render.projection_json import projection_json

        _print_json(projection_json(found, track_record(), explained=_explained(found, bundle) if explain else None))
        return
    from rich.console import Console

    from reports.render.projection_table import print_explanation, print_projection

    console = Console()
    print_projection(found, track_record(), console)
    if explain:
        print_explanation(_explained(found, bundle), console)


def _explained(found: Projection, bundle: Bundle | None) -> tuple[Explanation, ...]:
    from reports.judge.projection.explain import explain
    from reports.judge.projection.projection import projector

    return explain(found, projector([] if bundle is None else [bundle]))


def _read(path: Path | None) -> Bundle | None:
    if path is None:
        return None
    from profiler.records.bundle import read_bundle

    return read_bundle(path)


def _backtest(published: Path | None, as_json: bool) -> None:
    from reports.judge.projection.track_record import external_track_record, make_track_record

    if published is None:
        record = make_track_record()
    else:
        from backends.common.errors import InputError
        from reports.judge.projection.evidence import judge
        from reports.judge.projection.rows import read_rows

        external = judge(read_rows(published))
        if not external.observations:
            why = "; ".join(f"{count} x {reason}" for reason, count in external.reasons.items()) or "it has no rows"
            raise InputError(f"{published}: no row can be used: {why}")
        record = external_track_record(external)
    if as_json:
        from reports.render.projection_json import track_record_json

        _print_json(track_record_json(record))
        return
    from rich.console import Console

    from reports.render.projection_table import print_track_record

    print_track_record(record, Console())


def _print_json(value: object) -> None:
    from profiler.records.codec import encode

    click.echo(encode(value).decode(), nl=False)
