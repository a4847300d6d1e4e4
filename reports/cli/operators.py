"""``chipassay operators``: which operators a model is made of, and where each of them runs on each path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from backends.operators.matrix import Recorded
    from backends.operators.placement import Phase
    from backends.operators.support import Support
    from backends.qwen.model import ModelSpec


@click.command(short_help="Where each operator of a model runs, path by path.")
@click.option("--model", help="A preset (see `chipassay models`) or the folder of a local checkpoint; default: that of "
              "the first bundle.")  # fmt: skip
@click.option("--toolchain", "toolchains", multiple=True, metavar="NAME[:CHIP]", help="Only this one; repeatable.")
@click.option("--phase", type=click.Choice(["prefill", "decode", "both"]), default="both", show_default=True)
@click.option(
    "--prompt-tokens", type=click.IntRange(min=1), default=512, show_default=True, help="Length of a prefill."
)
@click.option("--context-tokens", type=click.IntRange(min=1), help="Positions a decode step attends to, its own among "
              "them; default: the prompt and one.")  # fmt: skip
@click.option("--dtype", default="float16", show_default=True, help="Precision that bytes are counted in.")
@click.option("--bundle", "bundles", multiple=True, type=click.Path(path_type=Path), help="A run bundle whose recorded "
              "places count before published ones; repeatable.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def operators(
    model: str | None,
    toolchains: tuple[str, ...],
    phase: str,
    prompt_tokens: int,
    context_tokens: int | None,
    dtype: str,
    bundles: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Print the portability matrix of a model: its operators with their shares of the work, and where each runs.

    Without the chip, places come from what vendors' compilers did with Qwen graphs and single operators, and from
    published lists; the letter behind a place says which. Nothing is compiled or run.
    """
    from backends.common.errors import InputError, unknown
    from backends.operators.matrix import portability
    from backends.qwen.model import BITS_PER_WEIGHT

    if dtype not in BITS_PER_WEIGHT:
        raise unknown("dtype", dtype, BITS_PER_WEIGHT)
    asked = [_toolchain(name) for name in dict.fromkeys(toolchains)]
    if model is None and not bundles:
        raise InputError("no model given: name one (--model qwen3-8b), or a run bundle (--bundle DIR)")
    spec = None if model is None else _spec(model)
    spec, recorded = _read(bundles, spec)
    chosen: tuple[Phase, ...] = ("prefill", "decode") if phase == "both" else (phase,)  # type: ignore[assignment]
    matrix = portability(spec, chosen, prompt_tokens, context_tokens or prompt_tokens + 1, dtype, asked, recorded)
    if as_json:
        from profiler.records.codec import encode
        from reports.render.operators_json import matrix_document

        click.echo(encode(matrix_document(matrix)).decode(), nl=False)
        return
    from reports.render.operator_matrix import print_matrix

    print_matrix(matrix)


def _toolchain(text: str) -> tuple[Support, str]:
    from backends.operators.support import find_support

    name, _, chip = text.partition(":")
    return find_support(name)[0], chip


def _spec(name: str) -> ModelSpec:
    from backends.qwen.checkpoint import read_spec
    from profiler.models.presets import find_model, presets

    preset = presets().get(name.lower())
    if preset is not None:
        return preset.spec
    folder = Path(name).expanduser()
    return read_spec(folder) if folder.is_dir() else find_model(name, None, 0).spec


def _read(bundles: tuple[Path, ...], spec: ModelSpec | None) -> tuple[ModelSpec, list[Recorded]]:
    """The model, and every placement that the bundles hold for it."""
    from backends.common.errors import InputError
    from backends.operators.matrix import Recorded
    from profiler.records.bundle import read_bundle

    found: list[Recorded] = []
    for path in bundles:
        bundle = read_bundle(path)
        ran = bundle.index.model.spec
        spec = spec or ran
        if not _alike(spec, ran):
            raise InputError(f"{path} is a run of {ran.name}, not of {spec.name}: leave it out, or ask for its model")
        recorded = [record for record in bundle.targets if record.operators]
        if not recorded:
            raise InputError(
                f"{path} records no operators: only targets of vendors' toolchains do; leave it out, or profile one"
            )
        found += [
            Recorded(record.id, record.backend, record.device, record.precision, path.name, record.operators)
            for record in recorded
        ]
    assert spec is not None
    return spec, found


def _alike(spec: ModelSpec, other: ModelSpec) -> bool:
    """Whether two models are made of the same layers, however many."""
    from dataclasses import replace

    return replace(other, layers=spec.layers, name=spec.name, hub_id=spec.hub_id) == spec
