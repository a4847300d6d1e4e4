"""Joining what NVML, tools and the PCI bus say of the same devices."""

import sys

import pytest

from profiler.devices.catalogue import read_accelerators, read_boards, start_tools
from profiler.devices.pci import read_devices
from tests.profiler.conftest import pci_files
from tests.profiler.devices.nvidia.fake_nvml import H100, fake_nvml


@pytest.fixture
def tools(tmp_path, monkeypatch, recorded):
    """Scripts that answer with recorded outputs; PATH holds nothing else, and NVML finds no driver."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))

    def install(name, answers):
        cases = []
        for number, (question, text) in enumerate(answers.items()):
            (folder / f"{name}.{number}").write_text(text)
            cases.append(f'"{question}") cat {folder}/{name}.{number};;')
        path = folder / name
        path.write_text(
            '#!/bin/sh\ncase "$*" in\n' + "\n".join(cases) + "\n*) echo 'no such view' >&2; exit 1;;\nesac\n"
        )
        path.chmod(0o755)

    return install


def look(files):
    enquiry = start_tools()
    return read_accelerators(enquiry, read_devices(files))


def test_an_ascend_server_is_described_by_its_tool_and_the_bus(tools, tree, recorded):
    tools(
        "npu-smi",
        {
            "info": recorded("npu-smi_24.1.1_910B4.txt"),
            "info -m": recorded("npu-smi_map_910B4.txt"),
            "info -t board -i 0": recorded("npu-smi_board_25.5.1.txt"),
            "info -t board -i 0 -c 0": recorded("npu-smi_chip_910B4.txt"),
        },
    )
    files = {}
    for address in ("0000:c1:00.0", "0000:c2:00.0"):
        files |= pci_files(
            address, "19e5", "d802", "120000", current_link_width="16\n", current_link_speed="16.0 GT/s\n"
        )
    found = look(tree(files))
    assert [chip.name for chip in found.components] == ["Ascend 910B4", "Ascend 910B4"]
    assert [chip.details["link_generation"] for chip in found.components] == [4, 4]
    assert found.components[0].details["serial"] == "1025C9000000"
    assert found.components[1].details["pci_id"] == "19e5:d802"
    assert found.unread == {
        "npu-smi info -t board -i 1": "exit status 1: no such view",
        "npu-smi info -t board -i 1 -c 0": "exit status 1: no such view",
    }


@pytest.mark.parametrize(
    ("vendor", "device", "class_id", "maker", "reason"),
    [
        ("19e5", "d802", "120000", "Huawei HiSilicon", "npu-smi is not on PATH"),
        ("1ed5", "0400", "030200", "Moore Threads", "mthreads-gmi is not on PATH"),
        ("1e3e", "0001", "030200", "Iluvatar CoreX", "ixsmi is not on PATH"),
        ("1f1c", "0001", "120000", "Sophgo", "chipassay does not read bm-smi yet"),
        ("10de", "2330", "030200", "NVIDIA", "NVML does not describe this device"),
    ],
)
def test_a_device_without_its_tool_is_listed_by_its_identification(
    tools, tree, vendor, device, class_id, maker, reason
):
    found = look(tree(pci_files("0000:3b:00.0", vendor, device, class_id)))
    (part,) = found.components
    assert (part.vendor, part.source, part.details["pci_id"]) == (maker, "/sys/bus/pci", f"{vendor}:{device}")
    assert reason in found.unread[f"{maker} device {device} at 0000:3b:00.0"]


def test_garbage_is_a_reason_and_the_device_stays_listed(tools, tree):
    tools("mx-smi", {"": "\x00\x1b[31m segmentation fault, core dumped"})
    found = look(tree(pci_files("0000:0f:00.0", "9999", "4001", "038000")))
    assert [part.source for part in found.components] == ["/sys/bus/pci"]
    assert "names no device" in found.unread["mx-smi"]
    assert "mx-smi does not describe this device" in found.unread["MetaX device 4001 at 0000:0f:00.0"]


def test_hygons_rocm_smi_does_not_count_its_cards_again(tools, tree, recorded):
    tools("hy-smi", {"--showproductname --showmeminfo vram --json": recorded("hy-smi_lines_Z100SM.txt")})
    tools(
        "rocm-smi",
        {"--showproductname --showmeminfo vram --showdriverversion --json": recorded("hy-smi_lines_Z100SM.txt")},
    )
    files = {}
    for number in range(4):
        files |= pci_files(f"0000:{number}3:00.0", "1d94", "6210", "038000")
    found = look(tree(files))
    assert [(part.name, part.source) for part in found.components] == [("Z100SM", "hy-smi")] * 4


def test_nvml_and_the_bus_give_one_component(tools, tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(H100))
    files = pci_files("0000:3b:00.0", "10de", "2330", "030200", current_link_width="8\n")
    (part,) = look(tree(files)).components
    assert part.details["link_width_lanes"] == 16, "the driver's own word stands"


def test_without_accelerators_nothing_is_started_and_nothing_listed(tools, tree):
    found = look(tree())
    assert (found.components, found.unread) == ((), {})


def test_intels_program_of_the_same_name_is_nothing_to_complain_about(tools, tree):
    tools("xpu-smi", {"": "Intel XPU System Management Interface -- v1.3\n  xpu-smi discovery"})
    found = look(tree(pci_files("0000:03:00.0", "8086", "0bda", "038000")))
    assert "xpu-smi" not in found.unread
    assert found.unread["Intel device 0bda at 0000:03:00.0"] == "chipassay does not read xpu-smi yet"
    assert "xpu-smi" in look(tree(pci_files("0000:03:00.0", "1d22", "3688", "120000"))).unread


def test_kunlunxins_tool_under_two_names_describes_its_boards_once(tools, tree, recorded):
    for name in ("xpu-smi", "xpu_smi"):
        tools(name, {"": recorded("xpu-smi_5.19.0_P800.txt")})
    found = look(tree(pci_files("0000:03:00.0", "1d22", "3688", "120000", current_link_width="16\n")))
    assert [part.details["pci_address"] for part in found.components] == [
        "0000:03:00.0",
        "0000:05:00.0",
        "0000:a5:00.0",
    ]
    assert (found.components[0].details["pci_id"], found.components[0].details["link_width_lanes"]) == ("1d22:3688", 16)
    assert found.unread == {}


def test_the_boards_of_every_tool_with_their_state(tools, recorded):
    for name in ("xpu-smi", "xpu_smi"):
        tools(name, {"": recorded("xpu-smi_4.0_K200.txt")})
    tools("ixsmi", {"": recorded("ixsmi_4.0.0_BI-V150S.txt")})
    tools("efsmi", {})
    found = {heard.tool.name: (heard, cards) for heard, cards in read_boards()}
    assert sorted(found) == ["efsmi", "ixsmi", "xpu-smi"]
    assert [card.sensors.power_w for card in found["xpu-smi"][1]] == [37, 37, 36]
    assert found["efsmi"][1] == () and "no such view" in found["efsmi"][0].failures["-q"]
