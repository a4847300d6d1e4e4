"""AMD, through ``rocm-smi --json`` (4.x to 7.x), which spells the same field in several ways.

Hygon's toolkit ships a ``rocm-smi`` for its DCU: the card's own description decides who made it, never the name of the
tool.
"""

from __future__ import annotations

import re
from typing import Any

from profiler.devices.bus.makers import COMPUTE, COMPUTE_AND_DISPLAY, Maker
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers, Tool

AMD = Maker("Advanced Micro Devices", "US", ("1002",), COMPUTE_AND_DISPLAY, "rocm-smi", sources=("pci.ids",))
HYGON = Maker("Hygon", "CN", ("1d94",), COMPUTE, "hy-smi", sources=("pci.ids",))
VISIBLE = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
LIVE = "--showproductname --showmeminfo vram --showuse --showtemp --showpower --json"
_TEXT = re.compile(r"^\s*(?:GPU|DCU|HCU)\[(\d{1,4})\]\s*:\s*([^:]+?)\s*:\s*(.+?)\s*$", re.ASCII)
_POWER = ("average graphics package power (w)", "current socket graphics package power (w)")
_LIMIT = ("max graphics package power (w)",)
_TEMPERATURE = ("temperature (sensor edge) (c)", "temperature (sensor junction) (c)")
_USE = ("gpu use (%)", "hcu use (%)", "dcu use (%)")
_HYGON_SIGNS = ("hygon", "haiguang", "dcu", "k100", "z100", "bw1000", "bw200")
_AMD_SIGNS = ("advanced micro devices", "amd", "radeon", "instinct", "firepro")


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card for each that is named; ``system`` holds what is common to all."""
    return smi_cards(answers, "rocm-smi")


def smi_cards(answers: Answers, tool: str) -> tuple[Card, ...]:
    """Merge the JSON answers of ``tool`` card by card."""
    merged: dict[str, dict[str, Any]] = {}
    for text in answers.values():
        for card, facts in (fields.json_object(text) or _from_lines(text)).items():
            if isinstance(facts, dict):
                merged.setdefault(str(card), {}).update({str(key).casefold(): value for key, value in facts.items()})
    common = merged.pop("system", {})
    return tuple(
        _card(card, name, {**common, **merged[card]}, tool)
        for card in sorted(merged, key=lambda name: (len(name), name))
        if card.startswith("card") and (name := _name(merged[card]))
    )


def _from_lines(text: str) -> dict[str, dict[str, str]]:
    """Return lines such as ``DCU[0] : Card Series: Z100SM``, of versions without JSON, in the JSON's shape."""
    facts: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if match := _TEXT.match(line):
            facts.setdefault(f"card{match[1]}", {})[match[2]] = match[3]
        elif line.casefold().startswith("driver version:"):
            facts.setdefault("system", {})["Driver version"] = line.partition(":")[2].strip()
    return facts


def _card(card: str, name: str, facts: dict[str, Any], tool: str) -> Card:
    index = card.removeprefix("card")
    details = {
        "index": int(index) if index.isascii() and index.isdecimal() and len(index) < 5 else None,
        "pci_address": fields.pci_address(fields.known(facts.get("pci bus"))),
        "driver_version": fields.known(facts.get("driver version")),
        "vbios_version": fields.known(facts.get("vbios version")),
        "board_part_number": fields.known(facts.get("card sku")),
        "architecture": fields.known(facts.get("gfx version")),
        "device_id": fields.known(facts.get("device id")) or _hexadecimal(facts.get("card model")),
        "serial": fields.known(facts.get("serial number")),
        "uuid": fields.known(facts.get("unique id")),
    }
    sensors = Sensors(
        power_w=fields.watts(_first(facts, _POWER), rf"^{FIGURE}"),
        power_limit_w=fields.watts(_first(facts, _LIMIT), rf"^{FIGURE}"),
        temperature_c=fields.celsius(_first(facts, _TEMPERATURE), rf"^{FIGURE}"),
        utilisation=fields.share(_first(facts, _USE), rf"^{FIGURE}"),
        memory_used_bytes=_memory_bytes(facts, "vram total used memory"),
        memory_total_bytes=_memory_bytes(facts, "vram total memory"),
    )
    return make_card(tool, _maker(name, facts, tool), name, details, sensors)


def _name(facts: dict[str, Any]) -> str | None:
    """Return the first name that is not a number, else the first."""
    names = [fields.known(facts.get(key)) for key in ("card series", "device name", "card model")]
    series, device, model = names
    return next((name for name in names if name and not name.startswith("0x")), series or model or device)


def _maker(name: str, facts: dict[str, Any], tool: str) -> Maker | None:
    text = f"{name} {fields.known(facts.get('card vendor')) or ''}".casefold()
    if tool == "hy-smi" or any(sign in text for sign in _HYGON_SIGNS):
        return HYGON
    return AMD if any(sign in text for sign in _AMD_SIGNS) else None


def _first(facts: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if (value := fields.known(facts.get(key))) is not None), None)


def _memory_bytes(facts: dict[str, Any], start: str) -> int | None:
    for key, value in facts.items():
        if key.startswith(start):
            figure = fields.number(fields.known(value), rf"^{COUNT}$")
            if figure is not None:
                return int(figure) << 20 if "mib" in key else int(figure)
    return None


def _hexadecimal(value: Any) -> str | None:
    text = fields.known(value)
    return text if text and text.startswith("0x") else None


TOOL = Tool(
    "rocm-smi",
    AMD,
    (
        "--showproductname --showmeminfo vram --showdriverversion --json",
        "--showbus --showvbios --showmaxpower --showserial --showuniqueid --json",
        LIVE,
    ),
    cards,
    device_types=("cuda",),
    visible=VISIBLE,
    watched=(LIVE,),
    also_of=("Hygon",),
)
DEVICE = Device("AMD", rank=90, maker=AMD, tools=(TOOL,), shared_objects=(r"hipblas\w*", "rocblas"))
"""Last: other makers ship a program called ``rocm-smi`` too, and their own tools know more."""
