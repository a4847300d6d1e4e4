"""``chipassay baseline``: keep runs to compare with, in files that can be committed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reports.gate.baseline import Baseline

_FOLDER = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path(".chipassay") / "baselines", show_default=True,
    help="Folder of the baselines.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


@click.group("baseline", short_help="Keep runs that `check` compares with.")
def baseline() -> None:
    """Keep baselines, one small file per machine, model and workload; commit them with your code."""


@baseline.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BUNDLE...")
@_FOLDER
@click.option("--keep", type=click.IntRange(min=1), default=20, show_default=True, help="Newest runs to hold.")
@click.option("--replace", is_flag=True, help="Start anew instead of adding to what is there.")
@_JSON
def save(bundles: tuple[Path, ...], folder: Path, keep: int, replace: bool, as_json: bool) -> None:
    """Add each BUNDLE, one run, to the baseline of its machine, model and workload."""
    from dataclasses import replace as changed

    from profiler.records.bundle import read_bundle
    from reports.gate.baseline import baseline_of, extended
    from reports.gate.series import identity_of, not_judged
    from reports.gate.store import place_of, read_baseline, write_baseline

    runs = [read_bundle(path) for path in bundles]
    path = place_of(folder, identity_of(runs[0]))
    found = extended(read_baseline(path), runs) if path.is_file() and not replace else baseline_of(runs)
    dropped = max(0, len(found.runs) - keep)
    found = changed(found, runs=found.runs[dropped:])
    written = write_baseline(folder, found)
    for note in not_judged(runs):
        click.echo(note, err=True)
    if as_json:
        _print_json({"path": str(written), "runs": len(found.runs), "dropped": dropped})
        return
    gone = f"; the oldest {dropped} made room" if dropped else ""
    click.echo(f"{written}: {len(found.runs)} run{'s' if len(found.runs) > 1 else ''}{gone}")


@baseline.command("list")
@_FOLDER
@_JSON
def list_baselines(folder: Path, as_json: bool) -> None:
    """List the baselines of a folder."""
    from reports.gate.store import stored_baselines

    stored = stored_baselines(folder)
    if as_json:
        _print_json([{"path": str(one.path), **_facts(one.baseline)} for one in stored])
        return
    for one in stored:
        facts = _facts(one.baseline)
        click.echo(f"{one.path}\n  {facts['model']}, {facts['workload']} on {facts['chip']}; {facts['runs']} runs, ")
        click.echo(f"  {facts['first']} to {facts['last']}; {', '.join(one.baseline.target_ids)}")
    if not stored:
        click.echo(f"no baseline in {folder}; make one with `chipassay baseline save BUNDLE`", err=True)


@baseline.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@_JSON
def show(path: Path, as_json: bool) -> None:
    """Show the runs of a baseline FILE, each with its medians."""
    from dataclasses import asdict

    from profiler.records.codec import encode
    from reports.gate.store import read_baseline

    found = read_baseline(path)
    if as_json:
        click.echo(
            encode({**asdict(found), "spreads": {one: found.spreads(one) for one in found.target_ids}}).decode(),
            nl=False,
        )
        return
    from rich.console import Console

    from reports.render.gate_table import print_baseline

    print_baseline(found, Console())


def _facts(found: Baseline) -> dict[str, object]:
    identity = found.identity
    return {
        "fingerprint": identity.fingerprint, "chip": identity.chip, "model": identity.model,
        "workload": identity.workload, "runs": len(found.runs), "first": found.runs[0].created,
        "last": found.runs[-1].created, "targets": list(found.target_ids),
    }  # fmt: skip


def _print_json(value: object) -> None:
    from profiler.records.codec import encode

    click.echo(encode(value).decode(), nl=False)
