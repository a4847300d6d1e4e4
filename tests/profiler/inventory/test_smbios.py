"""The firmware's table, on tables built here after DSP0134."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from profiler.inventory.smbios import memory_modules, processor_names, structures


def structure(kind: int, area: bytes, *strings: str) -> bytes:
    """One entry: header, formatted area, strings."""
    head = struct.pack("<BBH", kind, 4 + len(area), 0)
    tail = b"".join(text.encode() + b"\0" for text in strings) + b"\0" if strings else b"\0\0"
    return head + area + tail


def module(size: int = 0x7FFF, extended: int = 65536, kind: int = 0x22, speed: int = 4800) -> bytes:
    """Type 17 of SMBIOS 3.3: 92 bytes; offsets in the comments are those of the specification."""
    area = bytearray(0x5C - 4)

    def put(offset: int, form: str, value: int) -> None:
        struct.pack_into(form, area, offset - 4, value)

    put(0x08, "<H", 80)
    put(0x0A, "<H", 64)
    put(0x0C, "<H", size)
    put(0x10, "<B", 1)
    put(0x12, "<B", kind)
    put(0x15, "<H", speed)
    put(0x17, "<B", 2)
    put(0x18, "<B", 3)
    put(0x1A, "<B", 4)
    put(0x1C, "<I", extended)
    put(0x20, "<H", 4400)
    return structure(17, bytes(area), "DIMM_A1", "Samsung", "S3R1AL", "M321R8GA0BB0-CQKZJ  ")


END = structure(127, b"")
_processor_area = bytearray(0x30 - 4)
_processor_area[0x10 - 4] = 1
PROCESSOR_TABLE = structure(4, bytes(_processor_area), "HUAWEI Kunpeng 920 7260") + END


def test_a_module_is_read_with_its_units():
    assert memory_modules(module() + END) == [
        {
            "locator": "DIMM_A1",
            "size_bytes": 65536 << 20,
            "type": "DDR5",
            "rated_mt_per_s": 4800,
            "configured_mt_per_s": 4400,
            "manufacturer": "Samsung",
            "part_number": "M321R8GA0BB0-CQKZJ",
            "serial": "S3R1AL",
            "data_width_bits": 64,
            "total_width_bits": 80,
        }
    ]


def test_sizes_in_mebibytes_kibibytes_and_none():
    assert memory_modules(module(size=16384) + END)[0]["size_bytes"] == 16384 << 20
    assert memory_modules(module(size=0x8000 | 512) + END)[0]["size_bytes"] == 512 << 10
    assert memory_modules(module(size=0) + module(size=0xFFFF) + END) == []


def test_an_old_short_structure_has_what_it_has():
    short = structure(17, module(size=16384)[4:0x15], "DIMM 0")
    (found,) = memory_modules(short + END)
    assert found["type"] == "DDR5" and "serial" not in found and "rated_mt_per_s" not in found


def test_processors_are_named():
    assert processor_names(PROCESSOR_TABLE) == ["HUAWEI Kunpeng 920 7260"]


def test_nothing_is_read_past_the_end_marker():
    assert len(list(structures(END + module()))) == 1


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(table):
    memory_modules(table)
    processor_names(table)


@given(st.data())
def test_no_cut_or_changed_table_makes_it_raise(data):
    table = bytearray(module() + PROCESSOR_TABLE)
    for _ in range(data.draw(st.integers(0, 8))):
        table[data.draw(st.integers(0, len(table) - 1))] = data.draw(st.integers(0, 255))
    memory_modules(bytes(table[: data.draw(st.integers(0, len(table)))]))
