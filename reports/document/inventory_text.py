"""A part of the inventory in words: a headline, and its facts with their units. Tables and reports print these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profiler.records.host import Component

_MIB = 1 << 20
_WIDE_LIST = 14
_ELSEWHERE = ("chip", "evidence")
_UNITS = (("_bytes", "GiB", 1 << 30), ("_w", "W", 1), ("_hz", "MHz", 10**6), ("_bits", "bit", 1))


def headline(part: Component) -> str:
    """Name, maker and the country of the designer."""
    maker = part.vendor or ""
    count = part.details.get("count", 1) if part.kind == "pci-device" else 1
    times = f" x {count}" if count != 1 else ""
    vendor = f" · {maker}" if maker and maker.partition(" ")[0].casefold() not in part.name.casefold() else ""
    origin = f" · designed in {part.designer_country}" if part.designer_country else ""
    if part.kind in ("cpu", "accelerator") and not part.designer_country:
        origin = " · designer not known"
    return f"{part.name}{times}{vendor}{origin}"


def facts(part: Component) -> list[str]:
    """Every detail as a phrase such as ``power limit 350 W``; nested ones are summed up."""
    return [text for key, value in part.details.items() if (text := _fact(key, value))]


def origin(part: Component) -> str:
    """What the chip catalogue says of the part; empty for parts that it does not hold."""
    chip = part.details.get("chip")
    return _chip(chip) if isinstance(chip, dict) else ""


def _chip(chip: dict[str, Any]) -> str:
    made = chip.get("foundry_country")
    alternatives = ", ".join(map(str, chip.get("foundry_country_alt") or ()))
    also = f" (others report {alternatives})" if alternatives else ""
    origin = f", made by {chip.get('foundry', 'an unknown foundry')} in {made}{also}" if made else ""
    status = chip.get("status")
    if status == "exact":
        return f"{chip.get('id')}{origin}"
    if status == "ambiguous":
        return f"one of {', '.join(map(str, chip.get('candidates', ())))}{origin}"
    if status == "family":
        return "a family, not a part: the hypervisor hides which one it is"
    return "not in the chip catalogue"


def _fact(key: str, value: Any) -> str:
    """One detail with its unit, or nothing for those that have a place of their own."""
    if key in _ELSEWHERE or value in (None, "", []):
        return ""
    try:
        if key in _SPECIAL:
            return _SPECIAL[key](value)
    except (KeyError, TypeError, AttributeError):  # a bundle may come from another version, or another hand
        return f"{_words(key)} {value}"
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
    from profiler.inventory.software import is_engine

    main = [f"{name} {version}" for name, version in found.items() if name == "chipassay" or is_engine(name)]
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
