"""The state of a card, as people pasted it: watts, degrees, share of use, memory; and what is not told is None."""

import pytest

from profiler.devices.iluvatar import SHARED_POWER
from profiler.devices.plugins import installed
from profiler.devices.screen.card import COLUMNS, Sensors

MIB = 1 << 20
BY_NAME = {tool.name: tool for tool in installed().tools}


@pytest.mark.parametrize(
    ("name", "watts", "limit_w", "celsius", "used_mib", "total_mib"),
    [
        ("npu-smi_23.0.0_310B4", [None], None, [65], [3628], [15609]),
        ("npu-smi_24.1.1_910B4", [88.2, 87.0], None, [30, 30], [26838, 29356], [32768] * 2),
        ("npu-smi_24.1.rc3.7_A3", [178.8, None], None, [36, 36], [3397, 3186], [65536] * 2),
        ("npu-smi_25.0.rc1.1_blanks", [89.2, 87.7], None, [39, 40], [1460, 1479], [44280, 43693]),
        ("npu-smi_25.2.0_300I-Duo", [None, None], None, [45, 43], [1529, 1412], [44280, 43693]),
        ("npu-smi_25.5.2_910B", [70.3, 68.9], None, [38, 38], [0, 0], [32768] * 2),
        ("npu-smi_25.7.rc1.6_950", [195.6], None, [56], [5239], [131072]),
        ("npu-smi_26.0.rc2_A3", [162.6, None], None, [34, 34], [3419, 2874], [65536] * 2),
        ("cnmon_4.20.11_MLU370-X4", [30, 25], 150, [32, 33], [0, 0], [23308] * 2),
        ("cnmon_5.10.13_MLU370-X8", [106, 106], 250, [32, 39], [0, 0], [23374] * 2),
        ("mthreads-gmi_1.14.0_S80", [None], None, [49], [2], [16384]),
        ("mthreads-gmi_2.4.1_S5000", [None, None], None, [48, 48], [0, 0], [81920] * 2),
        ("mx-smi_2.1.12_C550", [97], None, [34], [858], [65536]),
        ("mx-smi_2.2.4_C550", [53], 450, [29], [858], [65536]),
        ("mx-smi_2.3.1_C500", [37], 350, [32], [826], [65536]),
        ("hy-smi_table_DCU", [118, 120], 800, [49, 48], [None] * 2, [None] * 2),
        ("hy-smi_table_HCU", [80, 89], 1000, [50, 52], [None] * 2, [None] * 2),
        ("hy-smi_json_BW.json", [91, 84], None, [54, 52], [64169, 64104], [65520] * 2),
        ("ixsmi_4.0.0_BI-V150S", [None], None, [33], [114], [32768]),
        ("ixsmi_4.1.0_BI-V150", [None, 93, None, 94], 350, [32, 30, 31, 31], [116] * 4, [32768] * 4),
        ("ixsmi_4.4.0_MR-V100-DUO", [None, 40], 350, [37, 36], [68, 68], [32768] * 2),
        ("efsmi_q_1.2.4_S60", [102], 300, [41], [1129], [42976]),
        ("efsmi_q_1.4.3_S60", [96, 104], 300, [35, 45], [0, 0], [42976] * 2),
        ("efsmi_1.2.0_S60", [105], 300, [39], [None], [49120]),
        ("efsmi_1.6.3_S60G", [None, None], None, [34, 34], [None] * 2, [23552] * 2),
        ("efsmi_1.7.2_L300", [68], 300, [35], [None], [147456]),
        ("xpu-smi_4.0_K200", [37, 37, 36], None, [41, 39, 39], [0] * 3, [8064] * 3),
        ("xpu-smi_4.0_R200", [25, 22], None, [49, 51], [0, 0], [16384, 8064]),
        ("xpu-smi_4.31_R300", [None, None], None, [None, None], [0, 0], [32768] * 2),
        ("xpu-smi_5.0.21.21_P800", [88, 90], 400, [37, 41], [0, 0], [98304] * 2),
    ],
)
def test_the_state_of_every_card_recorded(recorded, name, watts, limit_w, celsius, used_mib, total_mib):
    tool = BY_NAME[name.partition("_")[0]]
    found = tool.cards(dict.fromkeys(tool.questions, recorded(f"{name}.txt")))
    state = [card.sensors for card in found]
    assert [seen.power_w for seen in state] == watts
    assert {seen.power_limit_w for seen in state if seen.power_w is not None} <= {limit_w}
    assert [seen.temperature_c for seen in state] == celsius
    assert [seen.utilisation for seen in state] == [0] * len(watts)
    assert [seen.memory_used_bytes for seen in state] == [size if size is None else size * MIB for size in used_mib]
    assert [seen.memory_total_bytes for seen in state] == [size if size is None else size * MIB for size in total_mib]


def test_a_card_that_fell_off_the_bus_draws_no_65535_watts(recorded):
    fallen, sound = BY_NAME["ixsmi"].cards({"": recorded("ixsmi_3.0.1_BI-V100_fallen.txt")})
    assert (fallen.sensors.power_w, fallen.sensors.power_limit_w, fallen.sensors.utilisation) == (None, None, 1.0)
    assert (sound.sensors.power_w, sound.sensors.power_limit_w) == (57, 250)


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("npu-smi_25.2.1_A3", ["board of 2 chips", "", ""]),
        ("npu-smi_24.1.1_910B4", ["", ""]),
        ("xpu-smi_4.0_K200", ["board of 2 chips", "board of 2 chips", ""]),
        ("xpu-smi_5.19.0_P800", ["", "", ""]),
        ("ixsmi_4.4.0_MR-V100-DUO", ["", SHARED_POWER]),
    ],
)
def test_watts_of_more_than_one_chip_say_so(recorded, name, scopes):
    tool = BY_NAME[name.partition("_")[0]]
    found = tool.cards(dict.fromkeys(tool.questions, recorded(f"{name}.txt")))
    assert [card.sensors.power_scope for card in found] == scopes


def test_rocm_smi_counts_memory_in_bytes(recorded):
    tool = BY_NAME["rocm-smi"]
    (card,) = tool.cards(dict.fromkeys(tool.questions, recorded("rocm-smi_Vega10_all.json.txt")))
    assert card.sensors == Sensors(15.0, 170.0, 40.0, 0.0, 17776640, 17163091968)
    assert card.component.vendor == "Advanced Micro Devices"


@pytest.mark.parametrize("percent", ["", "N/A", "-5", "101", "1000"])
def test_a_share_that_is_none_is_not_made_one(recorded, percent):
    text = recorded("mx-smi_2.2.4_C550.txt").replace("| 0%  ", f"| {percent}%")
    (card,) = BY_NAME["mx-smi"].cards({"": text})
    assert card.sensors.utilisation is None and card.sensors.power_w == 53


def test_use_under_load_is_a_share_of_one(recorded):
    text = recorded("npu-smi_24.1.1_910B4.txt").replace("0000:C1:00.0  | 0 ", "0000:C1:00.0  | 87")
    busy, idle = BY_NAME["npu-smi"].cards({"info": text})
    assert (busy.sensors.utilisation, idle.sensors.utilisation) == (0.87, 0)


def test_columns_are_the_figures():
    assert set(Sensors(power_w=1.0).row()) == set(COLUMNS) and Sensors(power_w=1.0).row()["power_w"] == 1.0
