"""``chipassay chips``: the processors of the catalogue, and one of them with every fact, source and confidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from profiler.chips import Chip, ChipCatalogue

_UNITS = {
    "process_nm": "nm", "die_area_mm2": "mm2", "transistors_billion": "billion", "memory_gb": "GB",
    "memory_bandwidth_gb_s": "GB/s", "interconnect_bidir_gb_s": "GB/s", "tdp_w": "W", "gpu_fp32_tflops": "TFLOPS",
}  # fmt: skip


@click.command(short_help="Known AI processors: who designed and made them.")
@click.argument("name", required=False)
@click.option("--chips", "overlay", type=click.Path(path_type=Path), metavar="FILE", help="Your own entries on top.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def chips(name: str | None, overlay: Path | None, as_json: bool) -> None:
    """List the chips of the catalogue, those whose names contain NAME, or show the one that NAME means.

    A range in brackets is disputed. Facts that are not established are not shown.
    """
    from profiler.chips import load_chips

    catalogue = load_chips(overlay)
    shown = catalogue.match(name).chip if name else None
    if shown is not None:
        _print_json(_details(shown, catalogue)) if as_json else _show(shown, catalogue)
        return
    found = [chip for chip in catalogue.chips if name is None or _contains(chip, name)]
    if not found:
        assert name is not None
        catalogue.find(name)
    _print_json([_summary(chip) for chip in found]) if as_json else _table(found)


def _contains(chip: Chip, text: str) -> bool:
    names = (chip.id, chip.name, chip.vendor, chip.kind, *chip.aliases, *chip.ambiguous_aliases)
    return any(text.casefold() in known.casefold() for known in names)


def _summary(chip: Chip) -> dict[str, Any]:
    return {
        "id": chip.id,
        "name": chip.name,
        "vendor": chip.vendor,
        "kind": chip.kind,
        "designer_country": chip.designer_country,
        "foundry": chip.foundry,
        "foundry_country": chip.foundry_country,
        "memory_gb": chip.memory_gb,
        "memory_bandwidth_gb_s": chip.memory_bandwidth_gb_s,
        "peak_dense_tops": chip.peak_dense_tops,
        "release_year": chip.release_year,
    }


def _details(chip: Chip, catalogue: ChipCatalogue) -> dict[str, Any]:
    """Every fact with its sources; the text of each source once."""
    from dataclasses import asdict

    used = {key for line in chip.evidence for key in line.sources}
    return {**asdict(chip), "sources": {key: asdict(catalogue.sources[key]) for key in sorted(used)}}


def _print_json(value: object) -> None:
    from profiler.records.codec import encode

    click.echo(encode(value).decode(), nl=False)


def _table(found: list[Chip]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("chip", "kind", "designed", "made"):
        table.add_column(title, overflow="fold")
    for title in ("GB", "GB/s", "fp16", "int8", "year"):
        table.add_column(title, justify="right")
    for chip in found:
        foundry = " ".join(part for part in (chip.foundry, chip.foundry_country) if part)
        fp16 = chip.peak_dense_tops.get("fp16", chip.peak_dense_tops.get("bf16"))
        figures = (
            chip.memory_gb,
            chip.memory_bandwidth_gb_s,
            fp16,
            chip.peak_dense_tops.get("int8"),
            chip.release_year,
        )
        table.add_row(chip.id, chip.kind, chip.designer_country, foundry or "—", *map(_number, figures))
    Console().print(table)
    click.echo(f"{len(found)} chips; dense TFLOPS (fp16 or bf16) and TOPS; — is not established or disputed.")


def _show(chip: Chip, catalogue: ChipCatalogue) -> None:
    from dataclasses import fields

    from rich.console import Console
    from rich.table import Table

    click.echo(f"{chip.name}  ({chip.id})\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("fact", "value", "confidence", "sources"):
        table.add_column(title, overflow="fold")
    paths: list[str] = []
    for field in fields(chip):
        if field.name in ("id", "name", "evidence", "notes", "published_note", "ranges", "cpu", "peak_dense_tops"):
            continue
        if getattr(chip, field.name) not in (None, (), {}) or field.name in chip.ranges:
            paths.append(field.name)
    paths += [f"peak_dense_tops.{precision}" for precision in chip.peak_dense_tops]
    if chip.cpu is not None:
        paths += [
            f"cpu.{field.name}" for field in fields(chip.cpu) if getattr(chip.cpu, field.name) not in (None, (), {})
        ]
    paths += [path for path in chip.ranges if path not in paths]
    for path in paths:
        backing = chip.evidence_for(path)
        confidence = ", ".join(dict.fromkeys(line.confidence for line in backing))
        sources = ", ".join(dict.fromkeys(key for line in backing for key in line.sources))
        table.add_row(path, _value(chip, path), confidence, sources)
    Console().print(table)
    if chip.notes or chip.published_note:
        click.echo("\n" + "\n".join(note for note in (chip.notes, chip.published_note) if note))
    click.echo("\nSources")
    for key in sorted({key for line in chip.evidence for key in line.sources}):
        source = catalogue.sources[key]
        click.echo(f"  {key}: {source.name}; {source.ref}{'' if source.retrieved else ' (recalled, not read again)'}")


def _value(chip: Chip, path: str) -> str:
    name, _, key = path.partition(".")
    value: Any = getattr(chip, name, None)
    if key:
        value = value.get(key) if isinstance(value, dict) else getattr(value, key, None)
    if isinstance(value, tuple):
        text = ", ".join(map(str, value))
    elif isinstance(value, dict):
        text = ", ".join(f"{name} {_number(figure)}" for name, figure in value.items())
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        text = "" if value is None else str(value)
    else:
        unit = ("TOPS" if "int" in key else "TFLOPS") if name == "peak_dense_tops" else _UNITS.get(path, "")
        text = f"{_number(value)} {unit}".strip()
    if path in chip.ranges:
        low, high = chip.ranges[path]
        span = f"[{'…' if low is None else _number(low)} to {'…' if high is None else _number(high)}]"
        text = f"{text} {span}".strip()
    return text.replace("[", "\\[")


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.15g}"
