"""``chipassay operators``: which operators a model is made of, and where each of them runs on each path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from backends.operators.placement import Phase
    from backends.operators.support import Support


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
    """Print the portability matrix of a model: its operators, their shares of the work, and where each runs.

    Places come from what vendors' compilers did with Qwen graphs and single operators, and from published lists. The
    letter after a place says which. Nothing is compiled or run.
    """
    from backends.common.errors import InputError, unknown
    from backends.operators.matrix import portability
    from backends.qwen.model import BITS_PER_WEIGHT
    from profiler.models.presets import find_spec
    from reports.judge.recorded_operators import read_recorded

    if dtype not in BITS_PER_WEIGHT:
        raise unknown("dtype", dtype, BITS_PER_WEIGHT)
    asked = [_toolchain(name) for name in dict.fromkeys(toolchains)]
    if model is None and not bundles:
        raise InputError("no model given: name one (--model qwen3-8b), or a run bundle (--bundle DIR)")
    spec, recorded = read_recorded(bundles, None if model is None else find_spec(model))
    assert spec is not None
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
