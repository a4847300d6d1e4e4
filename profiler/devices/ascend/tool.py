"""What ``npu-smi`` (23.x to 26.x) prints about Huawei Ascend.

``npu-smi info`` draws two lines a chip under a two-line header that names the columns: boards with HBM have one memory
column more, and multi-chip cards (Atlas 300I Duo, 910C) repeat the card's number for each chip. The bin (``910B3``)
is in the first line; an A3 board prints only ``Ascend910``, and its part (``9392``) is the ``NPU Name`` of
``-t board``. On Ascend 950 the card's number has a separate column and chips are not numbered; its ``-t board`` takes
no ``-c``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from profiler.devices.bus.makers import Maker
from profiler.devices.screen import fields
from profiler.devices.screen.card import Card, Sensors, make_card
from profiler.devices.screen.fields import COUNT, FIGURE
from profiler.devices.screen.tool import Answers, Tool

MAKER = Maker("Huawei HiSilicon", "CN", ("19e5",), ("12", "0b40"), "npu-smi", sources=("pci.ids",))
VISIBLE = ("ASCEND_RT_VISIBLE_DEVICES",)
_USAGE = re.compile(rf"{COUNT}\s*/\s*{COUNT}", re.ASCII)
_MAX_BOARDS = 32
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class _Chip:
    """One chip: card and chip number, and the two lines of the table."""

    card: int
    chip: int
    name: str
    health: str | None
    address: str | None
    physical: int | None
    sensors: Sensors
    numbered: bool


def cards(answers: Answers) -> tuple[Card, ...]:
    """Read one card a chip. If chips share a card, the first reports the power of all."""
    text = answers.get("info", "")
    driver = re.search(r"Version:\s*(\S+)", text)
    numbers = mapping(answers.get("info -m", ""))
    chips = _chips(text)
    together = Counter(chip.card for chip in chips)
    read = []
    for chip in chips:
        board = fields.pairs(answers.get(f"info -t board -i {chip.card}", ""))
        detail = fields.pairs(answers.get(f"info -t board -i {chip.card} -c {chip.chip}", "")) or board
        details = {
            "index": numbers.get((chip.card, chip.chip), chip.physical),
            "card": chip.card,
            "chip": chip.chip,
            "pci_address": chip.address or fields.pci_address(board.get("PCIe Bus Info")),
            "pci_id": _pci_id(board),
            "driver_version": fields.known(board.get("Software Version")) or (driver[1] if driver else None),
            "firmware_version": fields.known(board.get("Firmware Version")),
            "soc": _soc(detail),
            "board": fields.known(board.get("Product Name")),
            "board_id": fields.known(board.get("Board ID")),
            "serial": fields.known(board.get("Serial Number")),
            "health": chip.health,
        }
        card = make_card("npu-smi", MAKER, _name(chip, detail), details, chip.sensors)
        count = together[chip.card]
        read.append(card if count == 1 else card.with_power_scope(f"board of {count} chips"))
    return tuple(read)


def follow_up(answers: Answers) -> tuple[str, ...]:
    """Ask for the board of every card, then for the part number of every chip."""
    chips = _chips(answers.get("info", ""))[:_MAX_BOARDS]
    boards = dict.fromkeys(f"info -t board -i {chip.card}" for chip in chips)
    return (*boards, *(f"info -t board -i {chip.card} -c {chip.chip}" for chip in chips if chip.numbered))


def _chips(text: str) -> list[_Chip]:
    """Read the rows up to the process table; skip a row that does not fit the header."""
    has_hbm = False
    chips: list[_Chip] = []
    first: list[str] | None = None
    for line in text.splitlines() if "npu-smi" in text else ():
        row = fields.cells(line)
        if "Process" in line or "process" in line:
            break
        if not line.lstrip().startswith("|") or len(row) not in (3, 4):
            continue
        if "Bus-Id" in row:
            has_hbm = "HBM" in row[-1]
        elif first is None:
            first = row if " ".join(row[:-2])[:1].isdigit() else None
        else:
            chip = _chip(first, row, has_hbm=has_hbm)
            chips += [chip] if chip else []
            first = None
    return chips


def _chip(first: list[str], second: list[str], *, has_hbm: bool) -> _Chip | None:
    """Read both lines of one chip; with four cells the first two are card and name, and the chip has no number."""
    identity, numbers = " ".join(first[:-2]).split(), " ".join(second[:-2]).split()
    if len(identity) != 2 or not all(_is_number(text) for text in (identity[0], *numbers)):
        return None
    usages = [(int(used), int(total)) for used, total in _USAGE.findall(second[-1]) if len(used + total) < _MOST_DIGITS]
    if not usages:
        return None
    # With an HBM column the last usage is the HBM's; it prints a total of 0 on boards whose memory is all DDR.
    used, total = usages[-1] if has_hbm and usages[-1][1] else usages[0]
    power, temperature = [*first[-1].split(), "", ""][:2]
    return _Chip(
        card=int(identity[0]),
        chip=int(numbers[0]) if numbers else 0,
        name=identity[1],
        health=fields.known(first[-2]),
        address=fields.pci_address(second[-2]),
        physical=int(numbers[1]) if len(numbers) > 1 else None,
        sensors=Sensors(
            power_w=fields.watts(power, rf"^{FIGURE}$") or None,  # an edge board without a sensor prints 0.0
            temperature_c=fields.celsius(temperature, rf"^{FIGURE}$"),
            utilisation=fields.share(second[-1], rf"^{FIGURE}(?=\s)"),
            memory_used_bytes=used << 20,
            memory_total_bytes=total << 20,
        ),
        numbered=bool(numbers),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7


def mapping(text: str) -> dict[tuple[int, int], int]:
    """Return (card, chip) to the logical number, by which frameworks count; the header names the columns."""
    logical_numbers: dict[tuple[int, int], int] = {}
    rows = (re.split(r"\s{2,}", line.strip()) for line in text.splitlines())
    for row in fields.rows_under(lambda cells: cells[0] == "NPU ID", rows):
        logical = row.get("Chip Logic ID", row.get("Chip Phy-ID", ""))
        keys = (row["NPU ID"], row.get("Chip ID", ""), logical)
        if all(_is_number(key) for key in keys):
            card, chip, number = map(int, keys)
            logical_numbers[card, chip] = number
    return logical_numbers


def _soc(detail: dict[str, str]) -> str | None:
    """Return the name that torch_npu uses: ``Ascend910B4`` on A2, ``Ascend910_9392`` on A3."""
    chip, part, kind = (fields.known(detail.get(key)) for key in ("Chip Name", "NPU Name", "Chip Type"))
    if chip and part:
        return f"{chip}_{part}"
    return f"{kind}{chip}" if chip and kind else chip


def _name(chip: _Chip, detail: dict[str, str]) -> str:
    """Return the bin if the table prints it, or the name with its part if the table prints the family only."""
    if chip.name == "Ascend910" and (soc := _soc(detail)):
        return soc
    return chip.name if chip.name.startswith("Ascend") else f"Ascend {chip.name}"


def _pci_id(board: dict[str, str]) -> str | None:
    vendor, device = (fields.known(board.get(f"PCI {part} ID")) for part in ("Vendor", "Device"))
    if not vendor or not device or fields.number(vendor) is None:
        return None
    return f"{vendor.removeprefix('0x')}:{device.removeprefix('0x')}".lower()


TOOL = Tool(
    "npu-smi", MAKER, ("info", "info -m"), cards, follow_up,
    device_types=("npu",), visible=VISIBLE, watched=("info",), numbered_by=("info -m",),
)  # fmt: skip
