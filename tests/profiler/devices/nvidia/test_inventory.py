"""NVML field by field, on devices that are not here."""

import sys
from types import SimpleNamespace

import pytest

from profiler.devices.nvidia.inventory import read_nvidia
from tests.profiler.devices.nvidia.fake_nvml import H100, REFUSED, UNSUPPORTED, fake_nvml


@pytest.fixture
def nvml(monkeypatch):
    def use(*devices, **more):
        monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(*devices, **more))
        return read_nvidia(expected=True)

    return use


def test_every_field_of_a_server_board(nvml):
    found = nvml(H100)
    (gpu,) = found.components
    assert found.unread == {}
    assert (gpu.name, gpu.vendor, gpu.designer_country) == ("NVIDIA H100 80GB HBM3", "NVIDIA", "US")
    assert gpu.details == {
        "index": 0,
        "driver_version": "560.35.03",
        "cuda_version": "12.6",
        "pci_address": "0000:3b:00.0",
        "pci_id": "10de:2330",
        "pci_subsystem": "10de:16c1",
        "uuid": "GPU-11111111-2222-3333-4444-555555555555",
        "serial": "1650000000001",
        "board_part_number": "692-2G520-0200-000",
        "vbios_version": "96.00.89.00.01",
        "gsp_firmware_version": "560.35.03",
        "compute_capability": "9.0",
        "cuda_cores": 16896,
        "total_bytes": 85520809984,
        "memory_bus_bits": 5120,
        "ecc_enabled": True,
        "mig_enabled": False,
        "power_limit_w": 700.0,
        "default_power_limit_w": 700.0,
        "max_sm_clock_hz": 1980000000,
        "max_memory_clock_hz": 1980000000,
        "link_width_lanes": 16,
        "link_generation": 5,
        "max_link_width_lanes": 16,
        "max_link_generation": 5,
    }


def test_what_a_consumer_board_lacks_is_listed_once_for_all_of_them(nvml):
    card = {**H100, "Name": "NVIDIA GeForce RTX 4090 D", "EccMode": UNSUPPORTED, "Serial": UNSUPPORTED, "UUID": REFUSED}
    found = nvml(card, card)
    assert len(found.components) == 2 and "serial" not in found.components[0].details
    assert found.unread == {
        "NVIDIA GeForce RTX 4090 D: ecc_enabled": "NVML: not supported",
        "NVIDIA GeForce RTX 4090 D: serial": "NVML: not supported",
        "NVIDIA GeForce RTX 4090 D: uuid": "NVML: insufficient permissions",
    }


def test_the_instances_of_a_divided_device_are_listed(nvml):
    part = {"Name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "UUID": "MIG-1", "MemoryInfo": SimpleNamespace(total=10 << 30)}
    (gpu,) = nvml({**H100, "MigMode": [1, 1]}, instances=(part, part)).components
    assert gpu.details["mig_enabled"] is True
    assert [p["name"] for p in gpu.details["mig_devices"]] == [part["Name"]] * 2


def test_an_old_binding_without_a_function_is_a_reason_too(monkeypatch):
    module = fake_nvml(H100)
    del module.nvmlDeviceGetGspFirmwareVersion
    monkeypatch.setitem(sys.modules, "pynvml", module)
    found = read_nvidia(expected=True)
    assert "nvidia-ml-py" in found.unread["NVIDIA H100 80GB HBM3: gsp_firmware_version"]
    assert found.components[0].details["power_limit_w"] == 700.0


def test_another_makers_device_behind_nvml_is_its_own(nvml):
    """T-Head links its tool as nvidia-smi; the PCI vendor decides, not the library."""
    ppu = {**H100, "Name": "PPU-ZW810E", "PciInfo": SimpleNamespace(busId="00000000:3B:00.0", pciDeviceId=0x60011DED,
                                                                     pciSubSystemId=0)}  # fmt: skip
    (device,) = nvml(ppu).components
    assert (device.vendor, device.designer_country) == ("Alibaba (T-Head)", "CN") and "not NVIDIA" in device.note


def test_a_missing_driver_is_told_only_where_a_device_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))
    assert "install the NVIDIA driver" in read_nvidia(expected=True).unread["NVIDIA devices"]
    assert read_nvidia(expected=False).unread == {}


def test_a_missing_binding_is_told_only_where_a_device_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "not installed" in read_nvidia(expected=True).unread["NVIDIA devices"]
    assert read_nvidia(expected=False).unread == {}


def test_the_real_binding_has_every_function_that_is_called(monkeypatch):
    import pynvml

    called = [name for name in vars(fake_nvml(H100)) if name.startswith(("nvml", "NVML"))]
    assert [name for name in called if not hasattr(pynvml, name)] == []
