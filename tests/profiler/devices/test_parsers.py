"""What vendors' tools print, as people pasted it into public threads; `recorded/` says where each was seen."""

import pytest

from profiler.devices import amd as rocm_smi
from profiler.devices import cambricon as cnmon
from profiler.devices import enflame as efsmi
from profiler.devices import hygon as hy_smi
from profiler.devices import iluvatar as ixsmi
from profiler.devices import kunlunxin as xpu_smi
from profiler.devices import metax as mx_smi
from profiler.devices import moore_threads as mthreads_gmi
from profiler.devices.ascend import tool as npu_smi
from profiler.devices.plugins import installed
from tests.profiler.conftest import RECORDED

MIB = 1 << 20
BI_V150_ADDRESSES = ["0000:13:00.0", "0000:16:00.0", "0000:1c:00.0", "0000:1f:00.0"]


def facts(component, *keys):
    return tuple(component.details.get(key) for key in keys)


@pytest.mark.parametrize(
    ("name", "names", "mebibytes", "driver"),
    [
        ("23.0.0_310B4", ["Ascend 310B4"], [15609], "23.0.0"),
        ("24.1.1_910B4", ["Ascend 910B4"] * 2, [32768] * 2, "24.1.1"),
        ("24.1.rc3.7_A3", ["Ascend910"] * 2, [65536] * 2, "24.1.rc3.7"),
        ("25.0.rc1.1_blanks", ["Ascend 310P3"] * 2, [44280, 43693], "25.0.rc1.1"),
        ("25.2.0_910B4-1", ["Ascend 910B4-1"] * 2, [65536] * 2, "25.2.0"),
        ("25.2.0_300I-Duo", ["Ascend 310P3"] * 2, [44280, 43693], "25.2.0"),
        ("25.2.1_A3", ["Ascend910"] * 3, [65536] * 3, "25.2.1"),
        ("25.5.2_910B", ["Ascend 910B"] * 2, [32768] * 2, "25.5.2"),
        ("25.5.2_910B4_processes", ["Ascend 910B4"], [32768], "25.5.2"),
        ("25.7.rc1.6_950", ["Ascend950PR"], [131072], "25.7.rc1.6"),
        ("26.0.rc2_A3", ["Ascend910"] * 2, [65536] * 2, "26.0.rc2"),
    ],
)
def test_npu_smi_of_many_versions(recorded, name, names, mebibytes, driver):
    found = npu_smi.TOOL.parse({"info": recorded(f"npu-smi_{name}.txt")})
    assert [chip.name for chip in found] == names
    assert [chip.details["total_bytes"] // MIB for chip in found] == mebibytes
    assert {chip.details["driver_version"] for chip in found} == {driver}
    assert {(chip.vendor, chip.designer_country, chip.source) for chip in found} == {
        ("Huawei HiSilicon", "CN", "npu-smi")
    }


def test_the_chips_of_one_card_keep_their_numbers(recorded):
    duo = npu_smi.TOOL.parse({"info": recorded("npu-smi_25.2.0_300I-Duo.txt")})
    assert [facts(chip, "card", "chip", "pci_address") for chip in duo] == [
        (2, 0, "0000:01:00.0"),
        (2, 1, "0000:01:00.0"),
    ]
    a3 = npu_smi.TOOL.parse({"info": recorded("npu-smi_25.2.1_A3.txt"), "info -m": recorded("npu-smi_map_A3.txt")})
    assert [facts(chip, "card", "chip", "index") for chip in a3] == [(0, 0, 0), (0, 1, 1), (1, 0, 2)]


def test_an_address_its_author_hid_is_not_made_up(recorded):
    assert "pci_address" not in npu_smi.TOOL.parse({"info": recorded("npu-smi_25.2.0_910B4-1.txt")})[0].details


def test_npu_smi_is_asked_for_every_board_and_every_numbered_chip(recorded):
    assert npu_smi.follow_up({"info": recorded("npu-smi_25.2.1_A3.txt")}) == (
        "info -t board -i 0",
        "info -t board -i 1",
        "info -t board -i 0 -c 0",
        "info -t board -i 0 -c 1",
        "info -t board -i 1 -c 0",
    )
    assert npu_smi.follow_up({"info": recorded("npu-smi_25.7.rc1.6_950.txt")}) == ("info -t board -i 0",)


def test_a_board_tells_firmware_serial_and_pci_identification(recorded):
    answers = {
        "info": recorded("npu-smi_24.1.1_910B4.txt"),
        "info -m": recorded("npu-smi_map_910B4.txt"),
        "info -t board -i 0": recorded("npu-smi_board_25.5.1.txt"),
        "info -t board -i 0 -c 0": recorded("npu-smi_chip_910B4.txt"),
    }
    first, second = npu_smi.TOOL.parse(answers)
    keys = ("index", "driver_version", "firmware_version", "board", "pci_id", "serial", "soc")
    assert facts(first, *keys) == (
        0,
        "25.5.1",
        "7.8.0.6.201",
        "IT21HMDC_Bin5",
        "19e5:d802",
        "1025C9000000",
        "Ascend910B4",
    )
    assert facts(second, "index", "firmware_version", "serial") == (1, None, None)


def test_an_a3_chip_is_named_with_the_part_its_board_tells(recorded):
    answers = {
        "info": recorded("npu-smi_24.1.rc3.7_A3.txt"),
        "info -t board -i 0 -c 0": recorded("npu-smi_chip_A3.txt"),
    }
    assert [chip.name for chip in npu_smi.TOOL.parse(answers)] == ["Ascend910_9392", "Ascend910"]


def test_an_ascend_950_tells_its_part_on_the_card(recorded):
    answers = {
        "info": recorded("npu-smi_25.7.rc1.6_950.txt"),
        "info -t board -i 0": recorded("npu-smi_board_950.txt"),
    }
    (chip,) = npu_smi.TOOL.parse(answers)
    assert (chip.name, chip.details["soc"], chip.details["pci_id"]) == ("Ascend950PR", "Ascend950PR_9579", "19e5:d806")


def test_mthreads_gmi_before_and_after_it_grew_a_column(recorded):
    new = mthreads_gmi.TOOL.parse({"": recorded("mthreads-gmi_2.4.1_S5000.txt")})
    assert [chip.name for chip in new] == ["MTT S5000", "MTT S5000"]
    keys = ("pci_address", "total_bytes", "driver_version", "device_type", "ecc")
    assert facts(new[1], *keys) == ("0000:3a:00.0", 81920 * MIB, "5.1.0-server", "Physical", "On-die, EDC")
    (old,) = mthreads_gmi.TOOL.parse({"": recorded("mthreads-gmi_1.14.0_S80.txt")})
    keys = ("total_bytes", "driver_version", "link_width_lanes", "max_link_width_lanes", "ecc")
    assert (old.name, *facts(old, *keys)) == ("MTT S80", 16384 * MIB, "2.7.0", 4, 16, None)


@pytest.mark.parametrize(
    ("name", "chip", "address", "watts", "driver"),
    [
        ("2.3.1_C500", "MetaX C500", "0000:12:00.0", 350.0, "3.8.30"),
        ("2.2.4_C550", "MetaX C550", "0000:0f:00.0", 450.0, "2.15.9"),
    ],
)
def test_mx_smi_in_both_column_orders(recorded, name, chip, address, watts, driver):
    (found,) = mx_smi.TOOL.parse({"": recorded(f"mx-smi_{name}.txt")})
    keys = ("index", "pci_address", "power_limit_w", "driver_version", "total_bytes", "state")
    assert (found.name, *facts(found, *keys)) == (chip, 0, address, watts, driver, 65536 * MIB, "Available")


def test_cnmon_of_two_generations(recorded):
    new = cnmon.TOOL.parse({"": recorded("cnmon_5.10.13_MLU370-X8.txt")})
    keys = ("pci_address", "total_bytes", "driver_version", "firmware_version", "power_limit_w")
    assert (len(new), new[1].name) == (2, "MLU370-X8")
    assert facts(new[1], *keys) == ("0000:3d:00.0", 23374 * MIB, "v5.10.13", "v1.1.6", 250.0)
    old = cnmon.TOOL.parse({"": recorded("cnmon_4.20.11_MLU370-X4.txt")})
    assert (len(old), old[0].name) == (2, "MLU370-X4")
    assert facts(old[0], *keys) == (None, 23308 * MIB, "v4.20.11", "v1.1.6", 150.0)


def test_hy_smi_as_json_as_lines_and_as_a_table(recorded):
    answers = {
        "--showproductname --showmeminfo vram --json": recorded("hy-smi_json_Z100L.json.txt"),
        "--showserial --showmaxpower --showbus --json": recorded("hy-smi_json_board.json.txt"),
        "": recorded("hy-smi_table_DCU.txt"),
    }
    (card,) = hy_smi.TOOL.parse(answers)
    keys = ("total_bytes", "pci_address", "power_limit_w", "serial")
    assert (card.name, card.vendor, *facts(card, *keys)) == (
        "Z100L",
        "Hygon",
        32752 * MIB,
        "0000:23:00.0",
        300.0,
        "TESTSERIAL01",
    )
    assert "no recorded output was found" in card.note
    lines = hy_smi.TOOL.parse({"--showproductname": recorded("hy-smi_lines_Z100SM.txt")})
    assert [facts(card, "index", "total_bytes", "driver_version") for card in lines] == [
        (index, 16368 * MIB, "6.2.26") for index in range(4)
    ]
    for name, watts in (("HCU", 1000.0), ("DCU", 800.0)):
        table = hy_smi.TOOL.parse({"": recorded(f"hy-smi_table_{name}.txt")})
        assert [facts(card, "index", "power_limit_w") for card in table] == [(0, watts), (1, watts)]
        assert "does not name the model" in table[0].note


def test_rocm_smi_spells_its_keys_in_several_ways(recorded):
    (radeon,) = rocm_smi.TOOL.parse({"a": recorded("rocm-smi_7900XT.json.txt")})
    assert (radeon.name, radeon.vendor, radeon.details["total_bytes"]) == (
        "Radeon RX 7900 XT", "Advanced Micro Devices", 21458059264,
    )  # fmt: skip
    (merged,) = rocm_smi.TOOL.parse(
        {"a": recorded("rocm-smi_MI250X.json.txt"), "b": recorded("rocm-smi_MI200_all.json.txt")}
    )
    keys = ("pci_address", "power_limit_w", "serial", "driver_version", "architecture")
    assert merged.name == "AMD INSTINCT MI200 (MCM) OAM LC MBA HPE C2"
    assert facts(merged, *keys) == ("0000:c9:00.0", 560.0, "692100000000", "5.18.13", "gfx9010")


def test_a_card_that_prints_only_numbers_keeps_them_as_its_name(recorded):
    (card,) = rocm_smi.TOOL.parse({"": recorded("rocm-smi_lines_MI100.txt")})
    assert (card.name, card.vendor, card.details["device_id"]) == ("0x738c", "Advanced Micro Devices", "0xc34")


def test_a_dcu_behind_rocm_smi_is_hygons(recorded):
    found = rocm_smi.TOOL.parse({"": recorded("hy-smi_lines_Z100SM.txt")})
    assert {card.vendor for card in found} == {"Hygon"}


@pytest.mark.parametrize(
    ("name", "names", "mebibytes", "addresses", "driver"),
    [
        ("3.0.1_BI-V100_fallen", ["Iluvatar BI-V100"] * 2, 32768, ["0000:21:00.0", "0000:25:00.0"], "3.0.1"),
        ("4.0.0_BI-V150S", ["Iluvatar BI-V150S"], 32768, ["0000:8a:00.0"], "4.1.0"),
        (
            "4.1.0_BI-V150",
            ["Iluvatar BI-V150"] * 4,
            32768,
            [f"0000:{bus}:00.0" for bus in ["13", "16", "1c", "1f"]],
            "4.1.0",
        ),
        ("4.4.0_MR-V100-DUO", ["Iluvatar MR-V100 DUO"] * 2, 32768, ["0000:35:00.0", "0000:38:00.0"], "4.4.0"),
    ],
)
def test_ixsmi_of_four_generations(recorded, name, names, mebibytes, addresses, driver):
    found = ixsmi.TOOL.parse({"": recorded(f"ixsmi_{name}.txt")})
    assert [card.name for card in found] == names
    assert [facts(card, "total_bytes", "pci_address", "driver_version") for card in found] == [
        (mebibytes * MIB, address, driver) for address in addresses
    ]
    assert {(card.vendor, card.designer_country, card.source) for card in found} == {("Iluvatar CoreX", "CN", "ixsmi")}


@pytest.mark.parametrize(
    ("question", "name", "names", "mebibytes", "addresses", "driver"),
    [
        ("-q", "q_1.2.4_S60", ["Enflame S60"], 42976, ["0000:b1:00.0"], "1.2.4.12"),
        ("-q", "q_1.4.3_S60", ["Enflame S60"] * 2, 42976, ["0000:17:00.0", "0000:00:0c.0"], "1.4.3.4"),
        ("", "1.2.0_S60", ["Enflame S60"], 49120, ["0000:01:00.0"], "1.2.0.301"),
        ("", "1.6.3_S60G", ["Enflame S60G"] * 2, 23552, ["0000:2e:00.0", "0000:2f:00.0"], "1.6.3.12"),
        ("", "1.7.2_L300", ["Enflame L300"], 147456, ["0000:2d:00.0"], "1.7.2.14"),
    ],
)
def test_efsmi_as_blocks_and_as_a_table(recorded, question, name, names, mebibytes, addresses, driver):
    found = efsmi.TOOL.parse({question: recorded(f"efsmi_{name}.txt")})
    assert [card.name for card in found] == names
    assert [facts(card, "total_bytes", "pci_address", "driver_version") for card in found] == [
        (mebibytes * MIB, address, driver) for address in addresses
    ]
    assert {(card.vendor, card.designer_country, card.source) for card in found} == {("Enflame", "CN", "efsmi")}


def test_efsmi_blocks_tell_what_the_table_does_not_and_come_first(recorded):
    blocks, table = recorded("efsmi_q_1.4.3_S60.txt"), recorded("efsmi_1.6.3_S60G.txt")
    first, second = efsmi.TOOL.parse({"-q": blocks, "": table})
    assert facts(first, "index", "pci_id", "board_part_number", "serial", "power_limit_w") == (
        0, "1e36:c035", "EFB-0088000-00", "TESTSERIAL00", 300.0,
    )  # fmt: skip
    assert second.details["index"] == 1
    assert [card.name for card in efsmi.TOOL.parse({"-q": "unknown option", "": table})] == ["Enflame S60G"] * 2
    assert efsmi.TOOL.parse({"-q": recorded("efsmi_q_2024_S60.txt")}) == (), "a block without a name names no device"


@pytest.mark.parametrize(
    ("name", "names", "mebibytes", "indexes", "driver"),
    [
        ("4.0_K200", ["K200"] * 3, [8064] * 3, [0, 1, 2], "4.0"),
        ("4.0_R200", ["R200", "K100"], [16384, 8064], [0, 1], "4.0"),
        ("4.31_R300", ["R300"] * 2, [32768] * 2, [0, 1], "4.0"),
        ("5.0.21.21_P800", ["P800 OAM"] * 2, [98304] * 2, [0, 1], "5.0.21.21"),
        ("5.19.0_P800", ["P800 OAM"] * 3, [98304] * 3, [0, 1, 7], "5.19.0.0"),
    ],
)
def test_xpu_smi_before_and_after_it_drew_boxes(recorded, name, names, mebibytes, indexes, driver):
    found = xpu_smi.TOOL.parse({"": recorded(f"xpu-smi_{name}.txt")})
    assert [card.name for card in found] == names
    assert [facts(card, "index", "total_bytes", "driver_version") for card in found] == [
        (index, size * MIB, driver) for index, size in zip(indexes, mebibytes, strict=True)
    ]
    assert {(card.vendor, card.designer_country) for card in found} == {("Baidu (Kunlunxin)", "CN")}
    assert xpu_smi.OLD_TOOL.parse({"": recorded(f"xpu-smi_{name}.txt")}) == found


def test_hygons_json_without_its_commas_is_read_all_the_same(recorded):
    found = hy_smi.TOOL.parse({hy_smi.LIVE: recorded("hy-smi_json_BW.json.txt")})
    assert [(card.name, *facts(card, "index", "total_bytes")) for card in found] == [
        ("BW", 0, 65520 * MIB),
        ("BW", 1, 65520 * MIB),
    ]
    assert {card.note for card in found} == {""}


ALL = sorted(path.name for path in RECORDED.iterdir())
FAMILIES = (("hy-smi", "rocm-smi"), ("xpu-smi", "xpu_smi"))
"""Tools that read each other's outputs."""


def reads(tool, name):
    return name.startswith(next((family for family in FAMILIES if tool.name in family), tool.name))


@pytest.mark.parametrize("tool", installed().tools, ids=lambda tool: tool.name)
def test_refusals_and_other_tools_outputs_name_no_device_and_never_raise(tool, recorded):
    for line in recorded("refusals.txt").splitlines():
        assert tool.parse(dict.fromkeys(tool.questions, line)) == ()
        assert tool.follow_up is None or tool.follow_up({"info": line}) == ()
    for name in ALL:
        if not reads(tool, name):
            assert tool.parse(dict.fromkeys(tool.questions, recorded(name))) == (), name
