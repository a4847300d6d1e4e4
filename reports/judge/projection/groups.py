"""How figures are grouped in the track record: what they are, and on which chips."""

from __future__ import annotations

import re
from typing import Literal

from reports.judge.projection.situation import Device, Figure, Situation

Group = Literal["decode_16_bit", "decode_quantised_or_long", "prefill", "serving", "memory"]

SHORT_CONTEXT = 8192
"""Prompt and output tokens up to which a 16-bit decode counts as short."""

TITLES: dict[Group, str] = {
    "decode_16_bit": "decode, 16-bit, to 8k",
    "decode_quantised_or_long": "decode, quantised or long",
    "prefill": "prefill (TTFT)",
    "serving": "serving, batch over 1",
    "memory": "memory",
}
PHASES: dict[Group, str] = {
    "decode_16_bit": "decode", "decode_quantised_or_long": "decode", "prefill": "prefill", "serving": "serving",
    "memory": "memory",
}  # fmt: skip
WANTED_PERCENT: dict[tuple[str, Group], float] = {
    ("model", "decode_16_bit"): 8, ("chip", "decode_16_bit"): 20, ("model", "decode_quantised_or_long"): 15,
    ("model", "memory"): 10, ("model", "serving"): 30,
}  # fmt: skip
"""Median absolute percentage error the model was asked to stay within, by what is left out."""

_FORM = re.compile(r"-(sxm\d?|pcie|nvl|\d+gb|ai)$")


def group_of(situation: Situation, figure: Figure) -> Group:
    """The group a figure is judged in."""
    if figure == "memory":
        return "memory"
    if situation.batch > 1:
        return "serving"
    if figure == "prefill":
        return "prefill"
    short = situation.prompt_tokens + situation.output_tokens <= SHORT_CONTEXT
    return "decode_16_bit" if situation.format.group == "16-bit" and short else "decode_quantised_or_long"


def chip_family(device: Device) -> str:
    """The chip without its form factor, memory size or bin: ``nvidia-a100``, ``huawei-ascend-910b``."""
    name = device.chip_id or device.name.casefold().replace(" ", "-")
    while (shorter := _FORM.sub("", name)) != name:
        name = shorter
    return re.sub(r"(910b)\d$", r"\1", name)
