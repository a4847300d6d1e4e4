"""``chipassay devices``: every target here, available or why not, and the meters."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def devices(as_json: bool) -> None:
    """List every backend and meter: available here, or why not and how to enable it."""
    from backends.errors import UnavailableError
    from backends.registry import backend_names, load_backend
    from profiler.meters import METERS

    targets: list[dict[str, Any]] = []
    for name in backend_names():
        try:
            backend = load_backend(name)
        except UnavailableError as error:
            targets.append(_row(name, (), "", False, str(error), "reinstall the package that provides it"))
            continue
        here = backend.probe("")
        targets.append(_row(name, backend.precisions, backend.summary, here.available, here.reason, here.remedy))
    meters: list[dict[str, Any]] = []
    for meter in METERS:
        probe = meter.probe()
        row = {"name": meter.name, "scope": meter.scope, "grade": meter.grade, "available": probe.available}
        meters.append({**row, "reason": probe.reason, "remedy": probe.remedy})
    if as_json:
        from profiler.codec import encode

        click.echo(encode({"targets": targets, "meters": meters}).decode(), nl=False)
        return
    for row in targets:
        state = "available" if row["available"] else f"unavailable: {row['reason']}; {row['remedy']}"
        click.echo(f"{row['name']:<12} {state}\n{'':<12} {row['summary']}; {', '.join(row['precisions'])}")
    click.echo()
    for row in meters:
        state = (
            f"available, {row['grade']}"
            if row["available"]
            else f"unavailable: {row['reason']}\n{'':<12} {row['remedy']}"
        )
        click.echo(f"{row['name']:<12} {state}")


def _row(
    name: str, precisions: tuple[str, ...], summary: str, available: bool, reason: str, remedy: str
) -> dict[str, Any]:
    return {
        "name": name,
        "precisions": precisions,
        "summary": summary,
        "available": available,
        "reason": reason,
        "remedy": remedy,
    }
