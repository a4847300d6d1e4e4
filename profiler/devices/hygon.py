"""Hygon DCU, through ``hy-smi --json``, a relative of ``rocm-smi`` that counts memory in MiB.

If a version refuses ``--json``, the table that ``hy-smi`` draws still shows how many cards there are and their power
limits; it prints neither model nor memory, and the cards' names are generic. A version of 2026 omits commas in its
JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from profiler.devices.amd import HYGON, LIVE, VISIBLE, smi_cards
from profiler.devices.device import Device
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import FIGURE
from profiler.devices.screen.tool import Answers, Tool

BOARD = "--showserial --showmaxpower --showbus --json"
DOCUMENTED = "serial, address and power limit are read as clients of hy-smi do: no recorded output was found"
_TABLE_ROW = re.compile(r"^\s*(\d{1,4})\s+\S+C\s+\S+W\s", re.ASCII)


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card for each that is named, from the JSON answers or else from the table."""
    questions = {question: text for question, text in answers.items() if question}
    named = smi_cards(questions, "hy-smi")
    if fields.json_object(answers.get(BOARD, "")):
        named = tuple(replace(card, component=replace(card.component, note=DOCUMENTED)) for card in named)
    return named or tuple(_from_table(answers.get("", "")))


def _from_table(text: str) -> Iterator[Card]:
    lines = text.splitlines()
    rows = (words for line in lines if _is_header(words := line.split()) or _TABLE_ROW.match(line))
    for row in fields.rows_under(_is_header, rows):
        index = fields.number(next(iter(row.values())), r"^(\d{1,4})$")
        if index is None:
            continue
        sensors = Sensors(
            power_w=fields.watts(row["AvgPwr"], rf"^{FIGURE}W$"),
            power_limit_w=fields.watts(row.get("PwrCap"), rf"^{FIGURE}W$"),
            temperature_c=fields.celsius(row["Temp"], rf"^{FIGURE}C$"),
            utilisation=fields.share(row.get("HCU%", row.get("DCU%")), rf"^{FIGURE}%$"),
        )
        note = "hy-smi's table does not name the model"
        yield make_card("hy-smi", HYGON, "Hygon DCU", {"index": int(index)}, sensors, note)


def _is_header(words: list[str]) -> bool:
    return words[1:3] == ["Temp", "AvgPwr"]


TOOL = Tool(
    "hy-smi",
    HYGON,
    ("--showproductname --showmeminfo vram --json", BOARD, "--showdriverversion --json", LIVE, ""),
    cards,
    device_types=("cuda",),
    visible=VISIBLE,
    watched=(LIVE, ""),
)
DEVICE = Device("Hygon", maker=HYGON, tools=(TOOL,))
