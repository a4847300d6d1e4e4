"""Hygon DCU through ``hy-smi --json``, a relative of ``rocm-smi`` that counts memory in MiB.

Where a version refuses ``--json``, the table that ``hy-smi`` draws still tells how many cards there are and their power
limits; it names neither model nor memory, and then the names say so.
"""

from __future__ import annotations

import re

from profiler.inventory.accelerators.fields import number, present
from profiler.inventory.accelerators.rocm_smi import smi_components
from profiler.inventory.accelerators.tool import Answers, Tool
from profiler.record import Component

_TABLE_ROW = re.compile(r"^\s*(\d{1,4})\s+\S+C\s+\S+W\s")


def parse(answers: Answers) -> tuple[Component, ...]:
    """One component a card: from the JSON answers, or from the table."""
    questions = {question: text for question, text in answers.items() if question}
    return smi_components(questions, "hy-smi") or _from_table(answers.get("", ""))


def _from_table(text: str) -> tuple[Component, ...]:
    columns: list[str] = []
    found = []
    for line in text.splitlines():
        words = line.split()
        if words[1:3] == ["Temp", "AvgPwr"]:
            columns = words
        elif columns and _TABLE_ROW.match(line) and len(words) == len(columns):
            row = dict(zip(columns, words, strict=True))
            details = {"index": int(words[0]), "power_limit_w": number(row.get("PwrCap"), r"^(\d+(?:\.\d+)?)W")}
            note = "hy-smi's table does not name the model"
            found.append(Component("accelerator", "Hygon DCU", "Hygon", "CN", present(details), "hy-smi", note))
    return tuple(found)


TOOL = Tool(
    "hy-smi",
    "1d94",
    (
        "--showproductname --showmeminfo vram --json",
        "--showserial --showmaxpower --showbus --json",
        "--showdriverversion --json",
        "",
    ),
    parse,
)
