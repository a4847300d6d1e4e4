"""The inventory for people: one block a part, readable at 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from profiler.record import Component, Host

if TYPE_CHECKING:
    from rich.table import Table

TITLES = {
    "cpu": "processor", "accelerator": "accelerator", "memory": "memory", "machine": "machine", "firmware": "firmware",
    "virtualisation": "virtualisation", "operating-system": "system", "python": "Python", "engine": "engine",
    "numeric-libraries": "libraries", "pci-device": "PCI", "model": "model",
}  # fmt: skip

_COUNTRY_ABSENT = "designer not known"
_MIB = 1 << 20
_WIDE_LIST = 14
_ELSEWHERE = ("chip", "evidence")
_UNITS = (("_bytes", "GiB", 1 << 30), ("_w", "W", 1), ("_hz", "MHz", 10**6), ("_bits", "bit", 1))


def inventory_table(host: Host, model_name: str | None = None) -> Table:
    """Two columns: the part, and what is known of it; what could not be read comes last."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, expand=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    if model_name is not None:
        table.add_row("model", Text(model_name))
    for part in host.components:
        table.add_row(TITLES.get(part.kind, part.kind), Text(_headline(part)))
        for line in _lines(part):
            table.add_row("", Text(line, style="dim"))
    for part_name, reason in host.unread.items():
        table.add_row("not read", Text(f"{part_name}: {reason}"))
    table.add_row("fingerprint", Text(host.fingerprint))
    return table


def _headline(part: Component) -> str:
    maker = part.vendor or ""
    count = part.details.get("count", 1) if part.kind == "pci-device" else 1
    times = f" x {count}" if count > 1 else ""
    vendor = f" · {maker}" if maker and maker.split()[0].casefold() not in part.name.casefold() else ""
    origin = f" · designed in {part.designer_country}" if part.designer_country else ""
    if part.kind in ("cpu", "accelerator") and not part.designer_country:
        origin = f" · {_COUNTRY_ABSENT}"
    return f"{part.name}{times}{vendor}{origin}"


def _lines(part: Component) -> Iterator[str]:
    chip = part.details.get("chip")
    if chip:
        yield f"catalogue: {_chip(chip)}"
    facts = [text for key, value in part.details.items() if (text := _fact(key, value))]
    if facts and part.kind != "pci-device":
        yield "; ".join(facts)
    if part.note:
        yield f"note: {part.note}"


def _chip(chip: dict[str, Any]) -> str:
    made = chip.get("foundry_country")
    alternatives = chip.get("foundry_country_alt") or []
    also = f" (others report {', '.join(alternatives)})" if alternatives else ""
    origin = f", made by {chip.get('foundry', 'an unknown foundry')} in {made}{also}" if made else ""
    if chip["status"] == "exact":
        return f"{chip['id']}{origin}"
    if chip["status"] == "ambiguous":
        return f"one of {', '.join(chip['candidates'])}{origin}"
    if chip["status"] == "family":
        return "a family, not a part: the hypervisor hides which one it is"
    return "not in the chip catalogue"


def _fact(key: str, value: Any) -> str:
    """One detail with its unit, or nothing for those that have a place of their own."""
    if key in _ELSEWHERE or value in (None, "", []):
        return ""
    if key in _SPECIAL:
        return _SPECIAL[key](value)
    if isinstance(value, list):
        shown = [str(entry) for entry in value[:_WIDE_LIST]]
        more = f" and {len(value) - _WIDE_LIST} more" if len(value) > _WIDE_LIST else ""
        return f"{_words(key)} {', '.join(shown)}{more}"
    return _scalar(key, value)


def _scalar(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return _words(key) if value else f"not {_words(key)}"
    if isinstance(value, dict):
        return f"{_words(key)} " + ", ".join(f"{name} {entry}" for name, entry in value.items())
    for ending, unit, divisor in _UNITS:
        if key.endswith(ending) and isinstance(value, int | float):
            return f"{_words(key.removesuffix(ending))} {value / divisor:.4g} {unit}"
    return f"{_words(key)} {value}"


def _cache(cache: dict[str, Any]) -> str:
    size = cache["size_bytes"]
    text = f"{size / _MIB:g} MiB" if size >= _MIB else f"{size / 1024:g} KiB"
    letter = {"data": "d", "instruction": "i"}.get(cache["type"], "")
    return f"L{cache['level']}{letter} {cache['instances']} x {text}"


def _module(module: dict[str, Any]) -> str:
    speed = module.get("configured_mt_per_s") or module.get("rated_mt_per_s")
    parts = [f"{module['size_bytes'] / (1 << 30):g} GiB", module.get("type"), f"{speed} MT/s" if speed else None]
    return " ".join(str(part) for part in [*parts, module.get("manufacturer")] if part)


def _packages(found: dict[str, str]) -> str:
    from profiler.inventory.packages import ENGINES

    main = [f"{name} {version}" for name, version in found.items() if name == "chipassay" or ENGINES.match(name)]
    return f"{len(found)} packages (--format json lists all), among them {', '.join(main)}"


def _words(key: str) -> str:
    return key.replace("_", " ")


_SPECIAL: dict[str, Callable[[Any], str]] = {
    "packages": _packages,
    "caches": lambda caches: "caches " + ", ".join(_cache(cache) for cache in caches),
    "modules": lambda modules: f"{len(modules)} modules: " + ", ".join(_module(module) for module in modules),
    "numa_nodes": lambda nodes: f"{len(nodes)} NUMA node{'s' if len(nodes) != 1 else ''}",
    "mig_devices": lambda parts: "MIG " + ", ".join(part["name"] for part in parts),
}
"""Details that are more than a word or a figure."""
