"""``chipassay inspect``: what this machine, or the machine of a bundle, is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from backends.qwen.model import Model
    from profiler.records.host import Host

FORMATS = ("table", "json", "cyclonedx")


@click.command(short_help="What this machine is made of, and where it comes from.")
@click.option("--format", "form", metavar="FORMAT", help="table (default), json, or cyclonedx (a CycloneDX 1.6 BOM).")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--include-serials", is_flag=True, help="Serial numbers and UUIDs in clear, not as salted hashes.")
@click.option("--engines", is_flag=True, help="Load the engines to ask for execution providers and BLAS (seconds).")
@click.option(
    "--chips", type=click.Path(path_type=Path), metavar="FILE", help="Add to, or replace in, the chip catalogue."
)
@click.option("--bundle", type=click.Path(path_type=Path), help="Show the inventory stored in this run bundle instead.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def inspect(
    form: str | None,
    as_json: bool,
    include_serials: bool,
    engines: bool,
    chips: Path | None,
    bundle: Path | None,
    out: Path | None,
) -> None:
    """List hardware, firmware and software with their origin, and what could not be read and why.

    No privilege is needed. As root, memory modules and serial numbers are read too. Serial numbers and UUIDs are
    printed as salted hashes, which only you can match between bundles.
    """
    from backends.common.errors import InputError, unknown
    from profiler.inventory import take_inventory

    if as_json and form not in (None, "json"):
        raise InputError(f"--json and --format {form} contradict each other; give one of them")
    chosen = "json" if as_json else form or "table"
    if chosen not in FORMATS:
        raise unknown("format", chosen, FORMATS)
    if bundle is None:
        host = take_inventory(engines=engines, include_serials=include_serials, chips=chips)
        _put(_render(chosen, host, None, None, out), out)
        return
    for flag, given in (("--engines", engines), ("--include-serials", include_serials), ("--chips", chips)):
        if given:
            raise InputError(f"{flag} looks at this machine, --bundle at a stored inventory; give one of them")
    from profiler.records.bundle import read_bundle

    stored = read_bundle(bundle)
    _put(_render(chosen, stored.host, stored.index.model, stored.index.created, out), out)


def _render(form: str, host: Host, model: Model | None, created: str | None, out: Path | None) -> str:
    if form == "json":
        from profiler.records.codec import encode

        return encode(host).decode()
    if form == "cyclonedx":
        from importlib.metadata import version

        from profiler.inventory.bom import cyclonedx, document_time

        return cyclonedx(host, version=version("chipassay"), model=model, created=document_time(created))
    return _table(host, model, plain=out is not None)


def _table(host: Host, model: Model | None, *, plain: bool) -> str:
    from rich.console import Console

    from reports.render.inventory_table import inventory_table

    console = Console(width=80, no_color=True) if plain else Console()
    with console.capture() as captured:
        console.print(inventory_table(host, console.width, model.spec.name if model else None))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _put(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    from backends.common.errors import storage_errors

    with storage_errors(out, "choose another --out"):
        out.write_text(text, encoding="utf-8")
    click.echo(f"inventory  {out}")
