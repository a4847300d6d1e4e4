"""Hygon DCU through ``hy-smi --json``, a relative of ``rocm-smi`` that counts memory in MiB.

Where a version refuses ``--json``, the table that ``hy-smi`` draws still tells how many cards there are and their power
limits; it names neither model nor memory, and then the names say so. A version of 2026 leaves out commas in its JSON.
"""

from __future__ import annotations

import re
from dataclasses import replace

from profiler.devices.amd import LIVE, smi_cards
from profiler.devices.device import Device
from profiler.devices.screen.card import Card, Sensors
from profiler.devices.screen.fields import FIGURE, celsius, json_object, present, share, watts
from profiler.devices.screen.tool import Answers, Tool
from profiler.records.host import Component

BOARD = "--showserial --showmaxpower --showbus --json"
DOCUMENTED = "serial, address and power limit are read as clients of hy-smi do: no recorded output was found"
_TABLE_ROW = re.compile(r"^\s*(\d{1,4})\s+\S+C\s+\S+W\s", re.ASCII)


def cards(answers: Answers) -> tuple[Card, ...]:
    """One card for each that is named: from the JSON answers, or from the table."""
    questions = {question: text for question, text in answers.items() if question}
    found = smi_cards(questions, "hy-smi")
    if json_object(answers.get(BOARD, "")):
        found = tuple(replace(card, component=replace(card.component, note=DOCUMENTED)) for card in found)
    return found or _from_table(answers.get("", ""))


def _from_table(text: str) -> tuple[Card, ...]:
    columns: list[str] = []
    found = []
    for line in text.splitlines():
        words = line.split()
        if words[1:3] == ["Temp", "AvgPwr"]:
            columns = words
        elif columns and _TABLE_ROW.match(line) and len(words) == len(columns):
            row = dict(zip(columns, words, strict=True))
            sensors = Sensors(
                power_w=watts(row["AvgPwr"], rf"^{FIGURE}W$"),
                power_limit_w=watts(row.get("PwrCap"), rf"^{FIGURE}W$"),
                temperature_c=celsius(row["Temp"], rf"^{FIGURE}C$"),
                utilisation=share(row.get("HCU%", row.get("DCU%")), rf"^{FIGURE}%$"),
            )
            details = {"index": int(words[0]), "power_limit_w": sensors.power_limit_w}
            note = "hy-smi's table does not name the model"
            part = Component("accelerator", "Hygon DCU", "Hygon", "CN", present(details), "hy-smi", note)
            found.append(Card(part, sensors))
    return tuple(found)


TOOL = Tool(
    "hy-smi",
    "1d94",
    (
        "--showproductname --showmeminfo vram --json",
        BOARD,
        "--showdriverversion --json",
        LIVE,
        "",
    ),
    cards,
    device_types=("cuda",),
    visible=("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    watched=(LIVE, ""),
)

DEVICE = Device("Hygon", tools=(TOOL,))
