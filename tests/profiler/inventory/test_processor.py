"""The processor as the kernel tells it, on machines that are not here."""

import pytest

from profiler.inventory.processor import parse_cpu_list, read_processor
from tests.profiler.conftest import EPYC
from tests.profiler.inventory.test_smbios import PROCESSOR_TABLE

KUNPENG = """processor\t: 0
Features\t: fp asimd asimddp i8mm sve
CPU implementer\t: 0x48
CPU part\t: 0xd01
CPU revision\t: 0
"""
LOONGSON = """system type\t: generic-loongson-machine

processor\t\t: 0
CPU Family\t\t: Loongson-64bit
Model Name\t\t: Loongson-3C5000
Features\t\t: cpucfg lam ual fpu lsx lasx
"""
SOPHGO = "processor\t: 0\nisa\t: rv64imafdcv\nuarch\t: thead,c920\nmvendorid\t: 0x5b7\n"
CPU = "sys/devices/system/cpu"


@pytest.fixture
def look(tree):
    def at(cpuinfo, more=None):
        found = read_processor(tree({"proc/cpuinfo": cpuinfo, **(more or {})}))
        return found, found.components[0]

    return at


def test_a_known_processor_has_designer_country_and_extensions(look):
    found, cpu = look(EPYC)
    assert (cpu.kind, cpu.name, cpu.designer_country) == ("cpu", "AMD EPYC 9654 96-Core Processor", "US")
    assert cpu.vendor == "Advanced Micro Devices"
    assert cpu.details["extensions"] == ["avx", "avx2", "avx512f", "avx512_bf16"]
    facts = [cpu.details[key] for key in ("family", "model", "stepping", "microcode", "sockets")]
    assert facts == ["25", "17", "1", "0xa101148", 2]
    assert "cpu designer" not in found.unread and "virtual" not in cpu.details


def test_a_virtual_machine_says_that_the_name_may_be_the_hypervisors(look):
    found, cpu = look(EPYC.replace("avx512_bf16", "avx512_bf16 hypervisor"))
    assert cpu.details["virtual"] is True and "hypervisor" in cpu.note
    assert "hidden by the hypervisor" in found.unread["cpu part"]


def test_an_arm_processor_is_read_from_its_implementer_and_named_after_its_core(look):
    _, cpu = look(KUNPENG)
    assert (cpu.vendor, cpu.designer_country) == ("HiSilicon", "CN")
    assert cpu.name == "TaiShan v110 core (Kunpeng 920 family)" and "core" in cpu.note
    assert cpu.details["extensions"] == ["asimd", "asimddp", "sve", "i8mm"]
    assert cpu.details["model"] == "0xd01"


def test_the_firmware_names_the_arm_chip_where_root_may_read_it(look):
    _, cpu = look(KUNPENG, {"sys/firmware/dmi/tables/DMI": PROCESSOR_TABLE})
    assert cpu.name == "HUAWEI Kunpeng 920 7260" and cpu.note == ""


@pytest.mark.parametrize(
    ("text", "vendor", "name"),
    [
        (LOONGSON.split("\n\n")[1], "Loongson Technology", "Loongson-3C5000"),
        ("vendor_id\t:   Shanghai  \nmodel name\t: ZX\n", "Zhaoxin", "ZX"),
        ("vendor_id\t: HygonGenuine\nmodel name\t: Hygon C86 7390\n", "Hygon Information Technology", "Hygon C86 7390"),
    ],
)
def test_chinese_processors_are_known_by_what_the_kernel_prints(look, text, vendor, name):
    _, cpu = look(text)
    assert (cpu.vendor, cpu.designer_country, cpu.name) == (vendor, "CN", name)


def test_a_riscv_core_is_known_by_its_vendor_number(look):
    _, cpu = look(SOPHGO)
    assert cpu.vendor == "T-Head Semiconductor (core)" and cpu.details["riscv_isa"] == "rv64imafdcv"


def test_an_unknown_vendor_is_left_open_and_says_where_to_add_it(look):
    found, cpu = look("vendor_id\t: FooBarChips\nmodel name\t: Foo 1\n")
    assert (cpu.vendor, cpu.designer_country) == (None, None)
    assert "'FooBarChips' is not in cpu_vendors.yaml" in found.unread["cpu designer"]


def test_a_machine_without_proc_still_has_a_processor(tree):
    found = read_processor(tree())
    assert found.components[0].name
    assert "does not exist" in found.unread["cpu"] and "cpu designer" in found.unread


def test_caches_are_counted_once_however_many_processors_share_them(look):
    files = {}
    for cpu in range(4):
        pair = "0-1" if cpu < 2 else "2-3"
        for index, (level, kind, size, shared) in enumerate(
            [(1, "Data", "32K", str(cpu)), (2, "Unified", "1M", pair), (3, "Unified", "32768K", "0-3")]
        ):
            folder = f"{CPU}/cpu{cpu}/cache/index{index}"
            files |= {f"{folder}/level": f"{level}\n", f"{folder}/type": f"{kind}\n"}
            files |= {f"{folder}/size": f"{size}\n", f"{folder}/shared_cpu_list": f"{shared}\n"}
    _, cpu = look(EPYC, files)
    assert [(c["level"], c["size_bytes"], c["instances"], c["shared_by"]) for c in cpu.details["caches"]] == [
        (1, 32 << 10, 4, 1),
        (2, 1 << 20, 2, 2),
        (3, 32 << 20, 1, 4),
    ]


def test_numa_nodes_have_processors_and_memory(look):
    node = "sys/devices/system/node"
    files = {
        f"{node}/node0/cpulist": "0-3\n",
        f"{node}/node0/meminfo": "Node 0 MemTotal:       16318428 kB\n",
        f"{node}/node10/cpulist": "\n",
        f"{node}/node10/meminfo": "garbage\n",
    }
    _, cpu = look(EPYC, files)
    assert cpu.details["numa_nodes"] == [
        {"node": 0, "cpus": "0-3", "total_bytes": 16318428 * 1024},
        {"node": 10, "cpus": "", "total_bytes": None},
    ]


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0", [0]), ("0-2,8", [0, 1, 2, 8]), ("", []), ("a-b", []), ("3-", [3]), ("0-99999999999", []), ("4-2", [])],
)
def test_the_kernels_list_format(text, cpus):
    assert parse_cpu_list(text) == cpus


def test_a_vendor_without_source_is_refused(monkeypatch, tmp_path):
    from backends.common import facts
    from backends.common.errors import InputError
    from profiler.devices.bus import makers

    (tmp_path / "cpu_vendors.yaml").write_text(
        "schema: chipassay.cpu-vendors/1\nvendors:\n  - {id: X, name: X, country: ZZ, sources: []}\n"
    )
    monkeypatch.setattr(facts, "files", lambda package: tmp_path)
    makers._cpu_vendors.cache_clear()
    try:
        with pytest.raises(InputError, match=r"cpu_vendors\.yaml:3: sources: 'X' has no source"):
            makers.cpu_vendor("X")
    finally:
        makers._cpu_vendors.cache_clear()
