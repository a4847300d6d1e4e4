"""``chipassay devices``: every target here, available or why not, and the meters."""

from __future__ import annotations

from typing import Any

import click


@click.command(short_help="Targets and meters of this machine.")
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
    readings: list[dict[str, Any]] = []
    for meter in METERS:
        probe = meter.probe()
        row = {"name": meter.name, "scope": meter.scope, "grade": meter.grade, "available": probe.available}
        readings.append({**row, "reason": probe.reason, "remedy": probe.remedy})
    if as_json:
        from profiler.codec import encode

        click.echo(encode({"targets": targets, "meters": readings}).decode(), nl=False)
        return
    for target in targets:
        state = "available" if target["available"] else f"unavailable: {target['reason']}; {target['remedy']}"
        click.echo(f"{target['name']:<12} {state}")
        click.echo(f"{'':<12} {target['summary']}; {', '.join(target['precisions'])}")
    click.echo()
    for seen in readings:
        state = f"available, {seen['grade']}" if seen["available"] else f"unavailable: {seen['reason']}"
        click.echo(f"{seen['name']:<12} {state}")
        if not seen["available"]:
            click.echo(f"{'':<12} to enable: {seen['remedy']}")


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
