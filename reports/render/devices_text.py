"""Targets, toolchains, meters and boards of this machine in a terminal: ``chipassay devices``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_GAP = 13
"""Columns that a name takes, with the space after it."""


def devices_text(found: dict[str, Any]) -> str:
    """Return the listing; a toolchain is listed once, with the target that it serves."""
    lines, shown = [], set()
    for target in found["targets"]:
        serving = [tool for tool in found["toolchains"] if _serves(tool, target["name"])]
        lines += _target(target, serving)
        shown |= {tool["name"] for tool in serving}
    lines += [_lines(tool["name"], _toolchain(tool)) for tool in found["toolchains"] if tool["name"] not in shown]
    lines += ["", *(_meter(meter) for meter in found["meters"])]
    if found["boards"]:
        lines += ["", *(line for board in found["boards"] for line in _board(board))]
    return "\n".join(lines)


def _serves(tool: dict[str, Any], target: str) -> bool:
    return any(name.partition(":")[0] == target for name in tool["targets"])


def _lines(name: str, *lines: str) -> str:
    """Return a name with lines beside and below it."""
    first, *others = lines
    return "\n".join([f"{name:<{_GAP - 1}} {first}", *(" " * _GAP + line for line in others)])


def _target(target: dict[str, Any], tools: list[dict[str, Any]]) -> list[str]:
    state = "available" if target["available"] else f"unavailable: {target['reason']}; {target['remedy']}"
    more = [f"{target['summary']}; {', '.join(target['precisions'])}"] if target["summary"] else []
    more += [f"toolchain {tool['name']} {_toolchain(tool)}" for tool in tools]
    if target["figures"] == "modelled":
        known = f"; chips: {', '.join(target['chips'])}" if target["chips"] else ""
        more.append(f'simulates only: results are marked "modelled" and shown separately{known}')
    return [_lines(target["name"], state, *more)]


def _toolchain(tool: dict[str, Any]) -> str:
    state = "installed" if tool["available"] else tool["reason"].removeprefix(f"the toolchain {tool['name']} is ")
    return f"{tool['version']}, {tool['vendor']}, {tool['licence'].name}, {size(tool['installed_bytes'])}: {state}"


def _meter(meter: dict[str, Any]) -> str:
    on = f" on {meter['accelerator']}" if meter["accelerator"] else ""
    if meter["available"]:
        return _lines(meter["name"], f"available{on}, {meter['grade']}", f"reads the {meter['scope']}")
    remedy = [f"to enable: {meter['remedy']}"] if meter["remedy"] else []
    return _lines(meter["name"], f"unavailable{on}: {meter['reason']}", *remedy)


def _board(board: dict[str, Any]) -> Iterator[str]:
    """Yield two lines a board; a tool that lists none says why."""
    for card in board["cards"]:
        where = f" at {card['pci_address']}" if card["pci_address"] else ""
        number = "" if card["index"] is None else f" {card['index']}"
        words = " or ".join(board["words"])
        yield _lines(board["tool"], f"{card['name']}{where}, device{number} ({words})", _state(card))
    if not board["cards"]:
        failures = board["failures"] or {"": "its output names no device in a form known here"}
        for question, reason in failures.items():
            yield _lines(board["tool"], f"{question}: {reason}" if question else reason)


def _state(card: dict[str, Any]) -> str:
    """Return the figures with their units, and which of them the tool does not report."""
    gib = 1 << 30
    limit = f" of {card['power_limit_w']:g} W" if card["power_limit_w"] is not None else ""
    total = f" of {card['memory_total_bytes'] / gib:.4g} GiB" if card["memory_total_bytes"] is not None else ""
    scope = f" ({card['power_scope']})" if card["power_scope"] else ""
    used = card["memory_used_bytes"]
    figures = {
        "power": None if card["power_w"] is None else f"{card['power_w']:g} W{limit}{scope}",
        "temperature": None if card["temperature_c"] is None else f"{card['temperature_c']:g} °C",
        "utilisation": None if card["utilisation"] is None else f"{100 * card['utilisation']:.3g} %",
        "memory in use": None if used is None else f"{used / gib:.3g} GiB{total}",
    }
    known = [f"{name} {figure}" for name, figure in figures.items() if figure is not None]
    missing = [name for name, figure in figures.items() if figure is None]
    return "; ".join([*known, *([f"not reported: {', '.join(missing)}"] if missing else [])])


def size(count: int) -> str:
    """Return a number of bytes in GB or MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
