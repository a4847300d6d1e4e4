"""AMD through ``rocm-smi --json`` (4.x to 7.x), which spells the same field in several ways.

Hygon's toolkit brings a ``rocm-smi`` of its own for its DCU: a card's maker is decided by what the card says of itself,
never by the name of the tool.
"""

from __future__ import annotations

import re
from typing import Any

from profiler.devices.device import Device
from profiler.devices.screen.card import Card, Sensors
from profiler.devices.screen.fields import (
    COUNT,
    FIGURE,
    celsius,
    json_object,
    number,
    pci_address,
    present,
    share,
    told,
    watts,
)  # fmt: skip
from profiler.devices.screen.tool import Answers, Tool
from profiler.records.host import Component

_TEXT = re.compile(r"^\s*(?:GPU|DCU|HCU)\[(\d{1,4})\]\s*:\s*([^:]+?)\s*:\s*(.+?)\s*$", re.ASCII)
_POWER = ("average graphics package power (w)", "current socket graphics package power (w)")
_TEMPERATURE = ("temperature (sensor edge) (c)", "temperature (sensor junction) (c)")
_USE = ("gpu use (%)", "hcu use (%)", "dcu use (%)")
_HYGON_SIGNS = ("hygon", "haiguang", "dcu", "k100", "z100", "bw1000", "bw200")
_AMD_SIGNS = ("advanced micro devices", "amd", "radeon", "instinct", "firepro")


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card for each that is named; ``system`` holds what is common to all."""
    return smi_cards(answers, "rocm-smi")


def smi_cards(answers: Answers, source: str) -> tuple[Card, ...]:
    """Merge the JSON answers card by card; ``source`` names the tool."""
    said: dict[str, dict[str, Any]] = {}
    for text in answers.values():
        for card, told_of_it in (json_object(text) or _from_lines(text)).items():
            if isinstance(told_of_it, dict):
                fields = {str(key).casefold(): value for key, value in told_of_it.items()}
                said.setdefault(str(card), {}).update(fields)
    common = said.pop("system", {})
    found = []
    for card in sorted(said, key=lambda name: (len(name), name)):
        if card.startswith("card") and (name := _name(said[card])):
            fields = {**common, **said[card]}
            found.append(Card(_component(card, name, fields, source), _sensors(fields)))
    return tuple(found)


def _from_lines(text: str) -> dict[str, dict[str, str]]:
    """The lines ``DCU[0] : Card Series: Z100SM`` of versions that know no JSON, in the JSON's shape."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if match := _TEXT.match(line):
            found.setdefault(f"card{match[1]}", {})[match[2]] = match[3]
        elif line.casefold().startswith("driver version:"):
            found.setdefault("system", {})["Driver version"] = line.partition(":")[2].strip()
    return found


def _component(card: str, name: str, fields: dict[str, Any], source: str) -> Component:
    vendor, country = _maker(name, fields, source)
    index = card.removeprefix("card")
    power = watts(told(fields.get("max graphics package power (w)")), rf"^{FIGURE}")
    details: dict[str, Any] = {
        "index": int(index) if index.isascii() and index.isdecimal() and len(index) < 5 else None,
        "pci_address": pci_address(told(fields.get("pci bus"))),
        "total_bytes": _memory_bytes(fields, "vram total memory"),
        "driver_version": told(fields.get("driver version")),
        "vbios_version": told(fields.get("vbios version")),
        "board_part_number": told(fields.get("card sku")),
        "architecture": told(fields.get("gfx version")),
        "device_id": told(fields.get("device id")) or _hexadecimal(fields.get("card model")),
        "power_limit_w": power,
        "serial": told(fields.get("serial number")),
        "uuid": told(fields.get("unique id")),
    }
    return Component("accelerator", name, vendor, country, present(details), source)


def _name(fields: dict[str, Any]) -> str | None:
    for key in ("card series", "device name", "card model"):
        name = told(fields.get(key))
        if name and not name.startswith("0x"):
            return name
    return told(fields.get("card series")) or told(fields.get("card model")) or told(fields.get("device name"))


def _maker(name: str, fields: dict[str, Any], source: str) -> tuple[str | None, str | None]:
    said = f"{name} {told(fields.get('card vendor')) or ''}".casefold()
    if source == "hy-smi" or any(sign in said for sign in _HYGON_SIGNS):
        return "Hygon", "CN"
    if any(sign in said for sign in _AMD_SIGNS):
        return "Advanced Micro Devices", "US"
    return None, None


def _sensors(fields: dict[str, Any]) -> Sensors:
    """The state, where a question asked for it."""
    return Sensors(
        power_w=watts(_first(fields, _POWER), rf"^{FIGURE}"),
        power_limit_w=watts(told(fields.get("max graphics package power (w)")), rf"^{FIGURE}"),
        temperature_c=celsius(_first(fields, _TEMPERATURE), rf"^{FIGURE}"),
        utilisation=share(_first(fields, _USE), rf"^{FIGURE}"),
        memory_used_bytes=_memory_bytes(fields, "vram total used memory"),
        memory_total_bytes=_memory_bytes(fields, "vram total memory"),
    )


def _first(fields: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if (value := told(fields.get(key))) is not None), None)


def _memory_bytes(fields: dict[str, Any], start: str) -> int | None:
    for key, value in fields.items():
        if key.startswith(start):
            figure = number(told(value), rf"^{COUNT}$")
            if figure is not None:
                return int(figure) << 20 if "mib" in key else int(figure)
    return None


def _hexadecimal(value: Any) -> str | None:
    text = told(value)
    return text if text and text.startswith("0x") else None


LIVE = "--showproductname --showmeminfo vram --showuse --showtemp --showpower --json"

TOOL = Tool(
    "rocm-smi",
    "1002",
    (
        "--showproductname --showmeminfo vram --showdriverversion --json",
        "--showbus --showvbios --showmaxpower --showserial --showuniqueid --json",
        LIVE,
    ),
    cards,
    device_types=("cuda",),
    visible=("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    watched=(LIVE,),
    also_of=("Hygon",),
)

DEVICE = Device("AMD", rank=90, tools=(TOOL,))
"""Last: other makers ship a program called ``rocm-smi`` too, and their own tools know more."""
