"""``chipassay models``: the Qwen catalogue with the sizes that follow from each model's dimensions."""

from __future__ import annotations

from typing import Any

import click


@click.command(short_help="The Qwen presets and their sizes.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.option("--context", type=click.IntRange(min=1), default=4096, show_default=True, help="Tokens for KV and FLOPs.")
def models(as_json: bool, context: int) -> None:
    """List the model presets: parameters, bytes, KV cache and FLOPs per token."""
    from profiler.models.presets import presets

    rows: list[dict[str, Any]] = []
    for preset in presets().values():
        spec = preset.spec
        rows.append(
            {
                "name": spec.name,
                "hub_id": spec.hub_id,
                "layers": spec.layers,
                "parameters": spec.parameters,
                "non_embedding_parameters": spec.non_embedding_parameters,
                "weight_bytes": {p: spec.weight_bytes(p) for p in ("float32", "bfloat16", "int8", "int4")},
                "kv_bytes_per_token": {p: spec.kv_bytes_per_token(p) for p in ("float32", "bfloat16")},
                "context_tokens": context,
                "decode_flops_per_token": spec.decode_flops(context),
                "max_positions": spec.max_positions,
                "sources": [{"what": s.what, "where": s.where, "note": s.note} for s in preset.sources],
            }
        )
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode(rows).decode(), nl=False)
        return
    _table(rows, context)


def _table(rows: list[dict[str, Any]], context: int) -> None:
    from rich.console import Console

    from reports.render.terminal_table import tables

    head = ("preset", "params", "layers", "fp32 GB", "bf16 GB", "int4 GB", "KV/tok", "GFLOP/tok")
    cells = [
        (
            row["name"],
            f"{row['parameters'] / 1e9:.2f} B",
            str(row["layers"]),
            *(f"{row['weight_bytes'][p] / 1e9:.1f}" for p in ("float32", "bfloat16", "int4")),
            f"{row['kv_bytes_per_token']['bfloat16'] / 1024:.0f} KiB",
            f"{row['decode_flops_per_token'] / 1e9:.1f}",
        )
        for row in rows
    ]
    console = Console()
    for part in tables(head, cells, console.width):
        console.print(part)
    click.echo(f"KV cache per token in bfloat16; FLOPs of one decoded token at a context of {context} tokens.")
