"""``chipassay devices``: every target here, available or why not, toolchains, meters and boards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profiler.devices.meters import MeterProbe
    from profiler.devices.screen.card import Card


@click.command(short_help="Targets, toolchains and meters of this machine.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def devices(as_json: bool) -> None:
    """List every backend, toolchain and meter, and whether it is available here. Show the state of every board."""
    from reports.cli.toolchain import toolchain_rows

    found = {
        "targets": list(_target_rows()), "toolchains": toolchain_rows(), "meters": list(_meter_rows()),
        "boards": _board_rows(),
    }  # fmt: skip
    if as_json:
        from profiler.records.codec import encode

        click.echo(encode(found).decode(), nl=False)
        return
    from reports.render.devices_text import devices_text

    click.echo(devices_text(found))


def _target_rows() -> Iterator[dict[str, Any]]:
    """Yield an entry a backend.

    ``figures`` says whether they would be measured or modelled; None where the backend cannot be loaded.
    """
    from backends.common.errors import UnavailableError
    from backends.contract.backend import Availability, CompilerPath
    from backends.contract.registry import backend_names, load_backend

    for name in backend_names():
        row: dict[str, Any] = {"name": name, "precisions": (), "summary": "", "figures": None, "chips": ()}
        try:
            backend = load_backend(name)
        except UnavailableError as error:
            here = Availability(False, str(error), "reinstall the package that provides it")
        else:
            here = backend.probe("")
            row |= {"precisions": backend.precisions, "summary": backend.summary, "figures": "measured"}
            if issubclass(backend, CompilerPath):
                row |= {"figures": "modelled", "chips": backend.devices()}
        yield {**row, "available": here.available, "reason": here.reason, "remedy": here.remedy}


def _meter_rows() -> Iterator[dict[str, Any]]:
    from profiler.devices.meters import METERS
    from profiler.devices.wall import ENVIRONMENT, probe_wall_meter
    from profiler.devices.wall import NAME as WALL
    from profiler.host.machine import physical_cores
    from profiler.run.supervisor import worker_environment

    environment = worker_environment(physical_cores())
    for meter in METERS:
        for on in meter.candidates(environment):
            yield _meter_row(meter.name, meter.covers, on, meter.probe(on, environment))
    wall = probe_wall_meter(os.environ.get(ENVIRONMENT, ""))
    yield _meter_row(WALL, "the whole machine, at the wall socket", None, wall)


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


def _board_rows() -> list[dict[str, Any]]:
    """Return an entry a tool on PATH: PyTorch's words for its boards, the boards, and what it failed to answer."""
    from profiler.devices.catalogue import read_boards

    return [
        {
            "tool": answer.tool.name,
            "words": answer.tool.device_types,
            "cards": [_card_row(card) for card in cards],
            "failures": answer.failures,
        }
        for answer, cards in read_boards()
    ]


def _card_row(card: Card) -> dict[str, Any]:
    part = card.component
    return {
        "name": part.name,
        "vendor": part.vendor,
        "index": card.index,
        "pci_address": part.details.get("pci_address"),
        **card.sensors.row(),
        "power_scope": card.sensors.power_scope or None,
    }
