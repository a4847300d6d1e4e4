"""The boards that vendors' tools list, with their state now: a part of ``chipassay devices``."""

from __future__ import annotations

from typing import Any

import click

from profiler.devices.catalogue import read_boards
from profiler.devices.screen.card import Card


def board_rows() -> list[dict[str, Any]]:
    """One entry a tool on PATH: PyTorch's words for its boards, the boards, and what it failed to answer."""
    return [
        {
            "tool": heard.tool.name,
            "words": heard.tool.device_types,
            "cards": [_card_row(card) for card in found],
            "failures": heard.failures,
        }
        for heard, found in read_boards()
    ]


def print_boards(boards: list[dict[str, Any]]) -> None:
    """Two lines a board; a tool that lists none says why."""
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
