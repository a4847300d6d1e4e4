"""The SMBIOS table (DMI): memory modules and processors in the board maker's description.

The layout is that of the System Management BIOS Reference Specification (DMTF DSP0134): a structure is a formatted area
whose second byte is its length, followed by strings that end in a double NUL; the area refers to strings by number.
Tables come from firmware and are often wrong: what does not fit is skipped, and nothing here raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TABLE = "sys/firmware/dmi/tables/DMI"

_PROCESSOR, _MEMORY_DEVICE, _END_OF_TABLE = 4, 17, 127
_MEMORY_TYPES = {
    0x18: "DDR3", 0x1A: "DDR4", 0x1B: "LPDDR", 0x1C: "LPDDR2", 0x1D: "LPDDR3", 0x1E: "LPDDR4",
    0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3", 0x12: "DDR", 0x13: "DDR2",
}  # fmt: skip
"""DSP0134 section 7.18.2: the types in machines of this century."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One entry of the table: its type, the formatted area and the strings after it."""

    kind: int
    area: bytes
    strings: tuple[str, ...]

    def byte(self, offset: int) -> int | None:
        """Return the unsigned byte at ``offset``, or None past the end."""
        return self.area[offset] if offset < len(self.area) else None

    def word(self, offset: int) -> int | None:
        """Return the little-endian 16-bit number at ``offset``."""
        return struct.unpack_from("<H", self.area, offset)[0] if offset + 2 <= len(self.area) else None

    def double(self, offset: int) -> int | None:
        """Return the little-endian 32-bit number at ``offset``."""
        return struct.unpack_from("<I", self.area, offset)[0] if offset + 4 <= len(self.area) else None

    def string(self, offset: int) -> str | None:
        """Return the string whose number is at ``offset``; None if it is absent or blank."""
        number = self.byte(offset)
        if not number or number > len(self.strings):
            return None
        return self.strings[number - 1].strip() or None


def structures(table: bytes) -> Iterator[Structure]:
    """Yield every structure up to the end-of-table marker or the first that does not fit."""
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or at + length > len(table) or end < 0:
            return
        strings = table[at + length : end].split(b"\0") if end > at + length else []
        texts = tuple(text.decode("utf-8", "replace") for text in strings)
        yield Structure(kind, table[at : at + length], texts)
        if kind == _END_OF_TABLE:
            return
        at = end + 2


def memory_modules(table: bytes) -> list[dict[str, Any]]:
    """Return the populated memory slots: place, size, type, speed and maker."""
    modules = []
    for entry in structures(table):
        size = _module_bytes(entry) if entry.kind == _MEMORY_DEVICE else None
        if not size:
            continue
        configured = _extended(entry.word(0x20), entry.double(0x58))
        rated = _extended(entry.word(0x15), entry.double(0x54))
        modules.append(
            {
                "locator": entry.string(0x10),
                "size_bytes": size,
                "type": _MEMORY_TYPES.get(entry.byte(0x12) or 0),
                "rated_mt_per_s": rated,
                "configured_mt_per_s": configured,
                "manufacturer": entry.string(0x17),
                "part_number": entry.string(0x1A),
                "serial": entry.string(0x18),
                "data_width_bits": _known(entry.word(0x0A)),
                "total_width_bits": _known(entry.word(0x08)),
            }
        )
    return [{key: value for key, value in module.items() if value is not None} for module in modules]


def processor_names(table: bytes) -> list[str]:
    """Return the processors' names in the firmware: on Arm servers the only source of the chip's name."""
    names = (entry.string(0x10) for entry in structures(table) if entry.kind == _PROCESSOR)
    return [name for name in names if name]


def _module_bytes(found: Structure) -> int | None:
    """Return the size, or None for an empty slot or an unknown size; DSP0134 7.18.4 and 7.18.5."""
    size = found.word(0x0C)
    if size in (None, 0, 0xFFFF):
        return None
    assert size is not None
    if size == 0x7FFF:
        extended = found.double(0x1C)
        return (extended & 0x7FFFFFFF) << 20 if extended else None
    return (size & 0x7FFF) << 10 if size & 0x8000 else size << 20


def _extended(short: int | None, long: int | None) -> int | None:
    """Return a speed in MT/s: 0 is unknown, 0xFFFF refers to the longer field."""
    return (long or None) if short == 0xFFFF else (short or None)


def _known(width: int | None) -> int | None:
    return None if width in (None, 0, 0xFFFF) else width
