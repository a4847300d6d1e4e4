"""``chipassay devices``: every target here, available or why not, toolchains, meters and boards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from backends.contract.backend import Availability
    from profiler.devices.meters import MeterProbe


@click.command(short_help="Targets, toolchains and meters of this machine.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def devices(as_json: bool) -> None:
    """List every backend, toolchain and meter, available here or why not, and the state of every board."""
    from backends.common.errors import UnavailableError
    from backends.contract.backend import Availability, CompilerPath
    from backends.contract.registry import backend_names, load_backend
    from profiler.devices.meters import METERS
    from profiler.devices.wall import ENVIRONMENT, probe_wall_meter
    from profiler.devices.wall import NAME as WALL
    from profiler.host.machine import physical_cores
    from profiler.run.supervisor import worker_environment
    from reports.cli.devices_boards import board_rows, print_boards
    from reports.cli.toolchain import echo_toolchain, toolchain_rows

    targets: list[dict[str, Any]] = []
    for name in backend_names():
        try:
            backend = load_backend(name)
        except UnavailableError as error:
            here = Availability(False, str(error), "reinstall the package that provides it")
            targets.append(_row(name, (), "", here, None, ()))
            continue
        figures, chips = ("modelled", backend.devices()) if issubclass(backend, CompilerPath) else ("measured", ())
        targets.append(_row(name, backend.precisions, backend.summary, backend.probe(""), figures, chips))
    tools = toolchain_rows()
    environment = worker_environment(physical_cores())
    readings = [
        _meter_row(meter.name, meter.covers, on, meter.probe(on, environment))
        for meter in METERS
        for on in meter.candidates(environment)
    ]
    wall = probe_wall_meter(os.environ.get(ENVIRONMENT, ""))
    readings.append(_meter_row(WALL, "the whole machine, at the wall socket", None, wall))
    boards = board_rows()
    if as_json:
        from profiler.records.codec import encode

        click.echo(
            encode({"targets": targets, "toolchains": tools, "meters": readings, "boards": boards}).decode(), nl=False
        )
        return
    for target in targets:
        state = "available" if target["available"] else f"unavailable: {target['reason']}; {target['remedy']}"
        click.echo(f"{target['name']:<12} {state}")
        click.echo(f"{'':<12} {target['summary']}; {', '.join(target['precisions'])}")
        if target["figures"] == "modelled":
            known = f"; chips: {', '.join(target['chips'])}" if target["chips"] else ""
            click.echo(f"{'':<12} runs nothing here: its figures are modelled and stand apart{known}")
    click.echo()
    for tool in tools:
        echo_toolchain(tool)
    click.echo()
    for seen in readings:
        on = f" on {seen['accelerator']}" if seen["accelerator"] else ""
        state = f"available{on}, {seen['grade']}" if seen["available"] else f"unavailable{on}: {seen['reason']}"
        click.echo(f"{seen['name']:<12} {state}")
        more = f"reads the {seen['scope']}" if seen["available"] else f"to enable: {seen['remedy']}"
        if seen["available"] or seen["remedy"]:
            click.echo(f"{'':<12} {more}")
    print_boards(boards)


def _meter_row(name: str, covers: str, accelerator: str | None, probe: MeterProbe) -> dict[str, Any]:
    return {
        "name": name,
        "covers": covers,
        "accelerator": accelerator,
        "scope": probe.scope or None,
        "grade": probe.grade,
        "available": probe.available,
        "reason": probe.reason,
        "remedy": probe.remedy,
    }


def _row(
    name: str, precisions: tuple[str, ...], summary: str, here: Availability, figures: str | None,
    chips: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    """``figures`` says whether they would be measured or modelled; None where the path cannot be loaded."""
    return {
        "name": name,
        "precisions": precisions,
        "summary": summary,
        "figures": figures,
        "chips": chips,
        "available": here.available,
        "reason": here.reason,
        "remedy": here.remedy,
    }
