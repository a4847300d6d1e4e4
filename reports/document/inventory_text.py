"""A part of the inventory in words: a headline, and its facts with their units. Tables and reports print these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profiler.records.host import Component
from reports.document.language import ENGLISH, Words

_MIB = 1 << 20
_WIDE_LIST = 14
_ELSEWHERE = ("chip", "evidence")
_UNITS = (("_bytes", "GiB", 1 << 30), ("_w", "W", 1), ("_hz", "MHz", 10**6), ("_bits", "bit", 1))


def headline(part: Component, say: Words = ENGLISH) -> str:
    """Return name, maker and the country of the designer."""
    maker = part.vendor or ""
    count = part.details.get("count", 1) if part.kind == "pci-device" else 1
    parts = [f"{part.name} x {count}" if count != 1 else part.name]
    if maker and maker.partition(" ")[0].casefold() not in part.name.casefold():
        parts.append(maker)
    if part.designer_country:
        parts.append(say("inventory.designed_in", country=part.designer_country))
    elif part.kind in ("cpu", "accelerator"):
        parts.append(say("inventory.designer_unknown"))
    return " · ".join(parts)


def facts(part: Component, say: Words = ENGLISH) -> list[str]:
    """Return every detail as a phrase such as ``power limit 350 W``; nested ones are summed up."""
    return [text for key, value in part.details.items() if (text := _fact(key, value, say))]


def origin(part: Component, say: Words = ENGLISH) -> str:
    """Return what the chip catalogue says of the part; empty for parts that it does not hold."""
    chip = part.details.get("chip")
    if not isinstance(chip, dict):
        return ""
    status = chip.get("status")
    if status in ("exact", "ambiguous"):
        ids = [str(chip.get("id"))] if status == "exact" else list(map(str, chip.get("candidates", ())))
        name = ids[0] if status == "exact" else say("inventory.one_of", chips=say.enumeration(ids))
        return say.enumeration([name, *_made(chip, say)])
    return say("inventory.family" if status == "family" else "inventory.not_in_catalogue")


def _made(chip: dict[str, Any], say: Words) -> list[str]:
    country = chip.get("foundry_country")
    if not country:
        return []
    foundry = chip.get("foundry") or say("inventory.unknown_foundry")
    alternatives = list(map(str, chip.get("foundry_country_alt") or ()))
    key = "inventory.made_by_or" if alternatives else "inventory.made_by"
    return [say(key, foundry=foundry, country=country, others=say.enumeration(alternatives))]


def _fact(key: str, value: Any, say: Words) -> str:
    """Return one detail with its unit; nothing for those that are shown elsewhere."""
    if key in _ELSEWHERE or value in (None, "", []):
        return ""
    try:
        if key in _SPECIAL:
            return _SPECIAL[key](value, say)
    except (KeyError, TypeError, AttributeError):  # a bundle may come from another version, or another hand
        return f"{_words(key, say)} {value}"
    if isinstance(value, list):
        shown = say.enumeration([str(entry) for entry in value[:_WIDE_LIST]])
        more = len(value) - _WIDE_LIST
        return f"{_words(key, say)} {say('inventory.and_more', names=shown, count=more) if more > 0 else shown}"
    return _scalar(key, value, say)


def _scalar(key: str, value: Any, say: Words) -> str:
    if isinstance(value, bool):
        return _words(key, say) if value else say("inventory.not", what=_words(key, say))
    if isinstance(value, dict):
        return f"{_words(key, say)} {say.enumeration([f'{name} {entry}' for name, entry in value.items()])}"
    for ending, unit, divisor in _UNITS:
        if key.endswith(ending) and isinstance(value, int | float):
            return f"{_words(key.removesuffix(ending), say)} {value / divisor:.4g} {unit}"
    return f"{_words(key, say)} {say.quoted(str(value))}"


def _cache(cache: dict[str, Any]) -> str:
    size = cache["size_bytes"]
    text = f"{size / _MIB:g} MiB" if size >= _MIB else f"{size / 1024:g} KiB"
    letter = {"data": "d", "instruction": "i"}.get(cache["type"], "")
    return f"L{cache['level']}{letter} {cache['instances']} x {text}"


def _module(module: dict[str, Any]) -> str:
    speed = module.get("configured_mt_per_s") or module.get("rated_mt_per_s")
    parts = [f"{module['size_bytes'] / (1 << 30):g} GiB", module.get("type"), f"{speed} MT/s" if speed else None]
    return " ".join(str(part) for part in [*parts, module.get("manufacturer")] if part)


def _packages(packages: dict[str, str], say: Words) -> str:
    from profiler.inventory.software import is_engine

    main = [f"{name} {version}" for name, version in packages.items() if name == "chipassay" or is_engine(name)]
    return say("inventory.packages", count=len(packages), main=say.enumeration(main))


def _words(key: str, say: Words) -> str:
    return say.translated(f"inventory.key.{key}", key.replace("_", " "))


_SPECIAL: dict[str, Callable[[Any, Words], str]] = {
    "packages": _packages,
    "caches": lambda caches, say: say("inventory.caches", caches=say.enumeration([_cache(one) for one in caches])),
    "modules": lambda modules, say: say(
        "inventory.modules", count=len(modules), modules=say.enumeration([_module(one) for one in modules])
    ),
    "numa_nodes": lambda nodes, say: say("inventory.numa_nodes", count=len(nodes)),
    "mig_devices": lambda parts, say: f"MIG {say.enumeration([part['name'] for part in parts])}",
}
"""Details that are more than a word or a figure."""
