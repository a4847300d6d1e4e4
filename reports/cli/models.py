"""``chipassay models``: the Qwen catalogue with the sizes that follow from each model's dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backends.common.errors import UnavailableError

if TYPE_CHECKING:
    from backends.qwen.model import ModelSpec
    from profiler.models.presets import Preset

PRECISIONS = ("float32", "bfloat16", "int8", "int4")


@click.command(short_help="The Qwen presets and their sizes.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.option("--context", type=click.IntRange(min=1), default=4096, show_default=True, help="Tokens for KV and FLOPs.")
def models(name: str | None, as_json: bool, context: int) -> None:
    """List the model presets, or show one whole: parameters, bytes, KV cache, FLOPs per token, and who can run it."""
    from profiler.models.presets import find_preset, presets

    chosen = [find_preset(name)] if name else list(presets().values())
    paths = _paths()
    rows = [_row(preset, context, paths) for preset in chosen]
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode(rows).decode(), nl=False)
    elif name:
        _one(rows[0])
    else:
        _table(rows, context)


def _paths() -> dict[str, tuple[str, ...]]:
    """Return the architectures of every backend that is installed."""
    from backends.contract.registry import backend_names, load_backend

    found: dict[str, tuple[str, ...]] = {}
    for name in backend_names():
        try:
            found[name] = load_backend(name).architectures
        except UnavailableError:
            continue
    return found


def _row(preset: Preset, context: int, paths: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    spec, backing = preset.spec, preset.backing
    return {
        "name": spec.name,
        "hub_id": spec.hub_id,
        "released": backing.released,
        "architecture": spec.architecture,
        "modality": _modality(spec),
        "layers": spec.layers,
        "attention_layers": sum(layer.mixer.cache_elements_per_token() > 0 for layer in spec.all_layers()),
        "experts": None if spec.experts is None else {"count": spec.experts.count, "per_token": spec.experts.per_token},
        "parameters": spec.parameters,
        "language_parameters": spec.language_parameters,
        "non_embedding_parameters": spec.non_embedding_parameters,
        "active_parameters": {
            "layers": spec.active_parameters("layers"),
            "with_head": spec.active_parameters("with_head"),
            "with_embedding_and_head": spec.active_parameters("with_embedding_and_head"),
        },
        "weight_bytes": {p: spec.weight_bytes(p) for p in PRECISIONS},
        "kv_bytes_per_token": {p: spec.kv_bytes_per_token(p) for p in ("float32", "bfloat16")},
        "state_bytes_per_sequence": {p: spec.state_bytes(p) for p in ("float32", "bfloat16")},
        "context_tokens": context,
        "decode_flops_per_token": spec.decode_flops(context),
        "max_positions": spec.max_positions,
        "paths": [path for path, architectures in paths.items() if spec.architecture in architectures],
        "same_dimensions": list(backing.same_dimensions),
        "notes": list(backing.notes),
        "confidence": backing.confidence,
        "sources": [{"what": s.what, "where": s.where, "note": s.note} for s in backing.sources],
    }


def _modality(spec: ModelSpec) -> str:
    return " + ".join(["text", *(["vision"] if spec.vision else []), *(["audio"] if spec.audio else [])])


def _table(rows: list[dict[str, Any]], context: int) -> None:
    from rich.console import Console

    from reports.render.terminal_table import tables

    head = ("preset", "params", "active", "layers", "context", "bf16 GB", "int4 GB", "KV/tok", "GFLOP/tok", "input")
    cells = [
        (
            row["name"],
            _billions(row["parameters"]),
            _billions(row["active_parameters"]["with_head"]) if row["experts"] else "",
            str(row["layers"]),
            f"{row['max_positions'] // 1024}k",
            *(f"{row['weight_bytes'][p] / 1e9:.1f}" for p in ("bfloat16", "int4")),
            f"{row['kv_bytes_per_token']['bfloat16'] / 1024:.0f} KiB",
            f"{row['decode_flops_per_token'] / 1e9:.1f}",
            row["modality"],
        )
        for row in rows
    ]
    console = Console()
    for part in tables(head, cells, console.width):
        console.print(part)
    click.echo(
        "active: what one token multiplies with (the chosen experts and the output head). GB: the language model. "
        f"KV cache per token in bfloat16; FLOPs of one decoded token at a context of {context} tokens.\n"
        "chipassay models NAME shows one model whole, and which paths can run it."
    )


def _billions(count: int) -> str:
    return f"{count / 1e9:.2f} B"


def _one(row: dict[str, Any]) -> None:
    experts, active, size = row["experts"], row["active_parameters"], row["weight_bytes"]
    lines = {
        "hub": row["hub_id"],
        "also stands for": ", ".join(row["same_dimensions"]),
        "released": row["released"],
        "architecture": row["architecture"],
        "input": row["modality"],
        "layers": f"{row['layers']}, of which {row['attention_layers']} keep a KV cache",
        "experts": f"{experts['per_token']} of {experts['count']} a token" if experts else "",
        "parameters": f"{_billions(row['parameters'])}; language model {_billions(row['language_parameters'])}",
        "active parameters": f"{_billions(active['with_head'])} (layers only {_billions(active['layers'])}; with "
        f"embedding {_billions(active['with_embedding_and_head'])})" if experts else "",
        "weights": ", ".join(f"{precision} {count / 1e9:.1f} GB" for precision, count in size.items()),
        "KV cache": f"{row['kv_bytes_per_token']['bfloat16'] / 1024:.0f} KiB a token in bfloat16",
        "recurrent state": f"{row['state_bytes_per_sequence']['bfloat16'] / 1e6:.1f} MB a sequence"
        if row["state_bytes_per_sequence"]["bfloat16"] else "",
        "FLOPs": f"{row['decode_flops_per_token'] / 1e9:.1f} GFLOP a token at {row['context_tokens']} tokens",
        "context": f"{row['max_positions']} tokens",
        "runs on": ", ".join(row["paths"]) or "no installed path",
        "confidence": row["confidence"],
    }  # fmt: skip
    click.echo(row["name"])
    for name, value in lines.items():
        if value:
            click.echo(f"  {name:<18} {value}")
    for note in row["notes"]:
        click.echo(f"  note: {note}")
    click.echo("  sources:")
    for source in row["sources"]:
        note = f" ({source['note']})" if source["note"] else ""
        click.echo(f"    {source['what']}: {source['where']}{note}")
