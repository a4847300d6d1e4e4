"""``chipassay devices``: every target here, available or why not, the meters, and the boards that tools list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from profiler.inventory.accelerators.card import Card
    from profiler.meters import MeterProbe


@click.command(short_help="Targets and meters of this machine.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def devices(as_json: bool) -> None:
    """List every backend and meter: available here, or why not and how to enable it; and every board's state now."""
    from backends.errors import UnavailableError
    from backends.registry import backend_names, load_backend
    from profiler.host import physical_cores
    from profiler.inventory.accelerators import read_boards
    from profiler.meters import METERS
    from profiler.meters.wall import ENVIRONMENT, probe_wall_meter
    from profiler.meters.wall import NAME as WALL
    from profiler.supervisor import worker_environment

    targets: list[dict[str, Any]] = []
    for name in backend_names():
        try:
            backend = load_backend(name)
        except UnavailableError as error:
            targets.append(_row(name, (), "", False, str(error), "reinstall the package that provides it"))
            continue
        here = backend.probe("")
        targets.append(_row(name, backend.precisions, backend.summary, here.available, here.reason, here.remedy))
    environment = worker_environment(physical_cores())
    readings = [
        _meter_row(meter.name, meter.covers, on, meter.probe(on, environment))
        for meter in METERS
        for on in meter.candidates(environment)
    ]
    wall = probe_wall_meter(os.environ.get(ENVIRONMENT, ""))
    readings.append(_meter_row(WALL, "the whole machine, at the wall socket", None, wall))
    boards: list[dict[str, Any]] = [
        {
            "tool": heard.tool.name,
            "words": heard.tool.device_types,
            "cards": [_card_row(card) for card in found],
            "failures": heard.failures,
        }
        for heard, found in read_boards()
    ]
    if as_json:
        from profiler.codec import encode

        click.echo(encode({"targets": targets, "meters": readings, "boards": boards}).decode(), nl=False)
        return
    for target in targets:
        state = "available" if target["available"] else f"unavailable: {target['reason']}; {target['remedy']}"
        click.echo(f"{target['name']:<12} {state}")
        click.echo(f"{'':<12} {target['summary']}; {', '.join(target['precisions'])}")
    click.echo()
    for seen in readings:
        on = f" on {seen['accelerator']}" if seen["accelerator"] else ""
        state = f"available{on}, {seen['grade']}" if seen["available"] else f"unavailable{on}: {seen['reason']}"
        click.echo(f"{seen['name']:<12} {state}")
        more = f"reads the {seen['scope']}" if seen["available"] else f"to enable: {seen['remedy']}"
        if seen["available"] or seen["remedy"]:
            click.echo(f"{'':<12} {more}")
    if boards:
        click.echo()
    for asked in boards:
        for card in asked["cards"]:
            where = f" at {card['pci_address']}" if card["pci_address"] else ""
            number = "" if card["index"] is None else f" {card['index']}"
            click.echo(f"{asked['tool']:<12} {card['name']}{where}, device{number} ({' or '.join(asked['words'])})")
            click.echo(f"{'':<12} {_state(card)}")
        if asked["cards"]:
            continue
        failures = asked["failures"] or {"": "its output names no device in a form known here"}
        for question, reason in failures.items():
            click.echo(f"{asked['tool']:<12} {question}{': ' if question else ''}{reason}")


def _card_row(card: Card) -> dict[str, Any]:
    part, details = card.component, card.component.details
    return {
        "name": part.name,
        "vendor": part.vendor,
        "index": card.index,
        "pci_address": details.get("pci_address"),
        **card.sensors.row(),
        "power_scope": card.sensors.power_scope or None,
    }


def _state(card: dict[str, Any]) -> str:
    """The figures with their units, and which of them the tool does not tell."""
    gib = 1 << 30
    limit = f" of {card['power_limit_w']:g} W" if card["power_limit_w"] is not None else ""
    total = f" of {card['memory_total_bytes'] / gib:.4g} GiB" if card["memory_total_bytes"] is not None else ""
    scope = f" ({card['power_scope']})" if card["power_scope"] else ""
    figures = {
        "power": None if card["power_w"] is None else f"{card['power_w']:g} W{limit}{scope}",
        "temperature": None if card["temperature_c"] is None else f"{card['temperature_c']:g} °C",
        "utilisation": None if card["utilisation"] is None else f"{100 * card['utilisation']:.3g} %",
        "memory in use": None
        if card["memory_used_bytes"] is None
        else f"{card['memory_used_bytes'] / gib:.3g} GiB{total}",
    }
    told = [f"{name} {figure}" for name, figure in figures.items() if figure is not None]
    missing = [name for name, figure in figures.items() if figure is None]
    return "; ".join([*told, *([f"it does not tell {', '.join(missing)}"] if missing else [])])


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
