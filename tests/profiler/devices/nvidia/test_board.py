"""Which board PyTorch's number means."""

from types import SimpleNamespace

import pytest

from backends.common.nvml import nvml_session
from profiler.devices.identity import same_device
from profiler.devices.nvidia.board import BoardUnavailableError, find_board
from tests.profiler.devices.nvidia.fake_nvml import H100, UNSUPPORTED

FIRST = {**H100, "UUID": "GPU-aaaa1111-0000-0000-0000-000000000000"}
SECOND = {**H100, "UUID": "GPU-bbbb2222-0000-0000-0000-000000000000"}
THIRD = {**H100, "UUID": "GPU-bbbb3333-0000-0000-0000-000000000000"}
BUS_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def find(accelerator, **environment):
    with nvml_session() as nvml:
        return find_board(nvml, accelerator, {**BUS_ORDER, **environment})


@pytest.mark.parametrize(
    ("accelerator", "visible", "uuid"),
    [
        ("cuda:0", None, FIRST["UUID"]),
        ("cuda", None, FIRST["UUID"]),
        ("cuda:2", None, THIRD["UUID"]),
        ("cuda:0", "2,0", THIRD["UUID"]),
        ("cuda:1", "2, 0", FIRST["UUID"]),
        ("cuda:0", "GPU-bbbb2", SECOND["UUID"]),
        ("cuda:1", "GPU-bbbb3333-0000-0000-0000-000000000000,gpu-aaaa", FIRST["UUID"]),
    ],
)
def test_cudas_numbers_count_what_is_visible(plug_in, accelerator, visible, uuid):
    plug_in(FIRST, SECOND, THIRD)
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert find(accelerator, **environment).device["uuid"] == uuid


@pytest.mark.parametrize(
    ("accelerator", "visible", "says"),
    [
        ("cuda:3", None, "there are 3"),
        ("cuda:0", "", "CUDA_VISIBLE_DEVICES= shows 0"),
        ("cuda:1", "1", "shows 1"),
        ("cuda:1", "0,7,1", "shows 1"),
        ("cuda:0", "-1", "shows 0"),
        ("cuda:0", "GPU-bbbb", "shows 0"),
        ("cuda:0", "MIG-1234", "MIG is on"),
        ("cuda:1", "0,MIG-1234", "MIG is on"),
        ("npu:0", None, "this is npu:0"),
    ],
)
def test_a_device_that_cuda_would_not_show_has_no_board(plug_in, accelerator, visible, says):
    plug_in(FIRST, SECOND, THIRD)
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    with pytest.raises(BoardUnavailableError, match=says) as error:
        find(accelerator, **environment)
    assert error.value.remedy


def test_an_order_by_speed_leaves_open_which_board_it_is_unless_a_name_tells(plug_in):
    plug_in(FIRST, SECOND)
    with pytest.raises(BoardUnavailableError, match="order 2 boards by speed"):
        find("cuda:0", CUDA_DEVICE_ORDER="FASTEST_FIRST")
    named = find("cuda:0", CUDA_DEVICE_ORDER="FASTEST_FIRST", CUDA_VISIBLE_DEVICES="GPU-bbbb")
    assert named.index == 1
    plug_in(FIRST)
    assert find("cuda:0", CUDA_DEVICE_ORDER="FASTEST_FIRST").index == 0


def test_a_divided_board_is_refused_with_the_cure(plug_in):
    plug_in({**H100, "MigMode": [1, 1]})
    with pytest.raises(BoardUnavailableError, match="cover all its instances together") as error:
        find("cuda:0")
    assert "nvidia-smi -i 0 -mig 0" in error.value.remedy


def test_another_makers_board_behind_nvml_is_refused_by_name(plug_in):
    pci = SimpleNamespace(busId="00000000:3B:00.0", pciDeviceId=0x60011DED, pciSubSystemId=0)
    plug_in({**H100, "Name": "PPU-ZW810E", "PciInfo": pci})
    with pytest.raises(BoardUnavailableError, match=r"PPU-ZW810E .* PCI vendor is Alibaba"):
        find("cuda:0")


def test_a_driver_without_a_board_says_so(plug_in):
    plug_in()
    with pytest.raises(BoardUnavailableError, match="but no board"):
        find("cuda:0")


@pytest.mark.parametrize(
    ("told", "name", "on_superchip"),
    [
        (SimpleNamespace(isC2cEnabled=1), "NVIDIA GH200 480GB", True),
        (SimpleNamespace(isC2cEnabled=0), "NVIDIA H100 80GB HBM3", False),
        (UNSUPPORTED, "NVIDIA GH200 480GB", True),
        (UNSUPPORTED, "NVIDIA H200", False),
        (UNSUPPORTED, "NVIDIA GB200", True),
    ],
)
def test_a_superchip_is_known_by_its_link_or_by_its_name(plug_in, told, name, on_superchip):
    plug_in({**H100, "C2cModeInfoV": told, "Name": name})
    assert find("cuda:0").on_superchip is on_superchip


@pytest.mark.parametrize(
    ("engine", "same"),
    [
        ({"uuid": "aaaa1111-0000-0000-0000-000000000000"}, True),
        ({"uuid": "GPU-AAAA1111-0000-0000-0000-000000000000"}, True),
        ({"uuid": "GPU-cccc"}, False),
        ({"pci_address": "00000000:3B:00.0"}, True),
        ({"pci_address": "0000:5e:00.0"}, False),
        ({"uuid": "GPU-cccc", "pci_address": "0000:3b:00.0"}, False),
        ({"name": "NVIDIA H100"}, None),
        ({}, None),
    ],
)
def test_the_engines_device_is_compared_by_uuid_then_by_address(plug_in, engine, same):
    plug_in(FIRST)
    assert same_device(find("cuda:0").device, engine) is same
