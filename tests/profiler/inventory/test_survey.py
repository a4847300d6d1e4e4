"""The whole machine at one look."""

import dataclasses
import sys

import msgspec
import pytest

from profiler.inventory import take_inventory
from profiler.records.codec import decode, encode
from profiler.records.host import Host
from tests.profiler.conftest import EPYC, pci_files
from tests.profiler.devices.nvidia.fake_nvml import H100, fake_nvml
from tests.profiler.inventory.test_machine import SERVER
from tests.profiler.inventory.test_smbios import END, module

MACHINE = {
    "proc/cpuinfo": EPYC,
    "etc/os-release": 'PRETTY_NAME="Debian 12"\n',
    "sys/firmware/dmi/tables/DMI": module() + END,
    **SERVER,
    **pci_files("0000:3b:00.0", "10de", "2330", "030200"),
    **pci_files("0000:01:00.0", "15b3", "1021", "020700"),
}


@pytest.fixture
def server(tree, monkeypatch):
    def take(changes=None, gpu=H100, **options):
        monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(gpu))
        return take_inventory(engines=False, files=tree({**MACHINE, **(changes or {})}), **options)

    return take


def test_this_machine_has_the_parts_every_machine_has():
    host = take_inventory(engines=False)
    kinds = [part.kind for part in host.components]
    for kind in ("cpu", "memory", "operating-system", "virtualisation", "python"):
        assert kinds.count(kind) == 1
    assert kinds[0] == "cpu"
    assert all(part.source for part in host.components)
    assert all(reason for reason in host.unread.values())


def test_an_inventory_survives_its_own_json():
    host = take_inventory(engines=False)
    again = decode(encode(host), Host, "host.json")
    assert msgspec.json.encode(again) == msgspec.json.encode(host)


def test_a_server_has_its_accelerator_firmware_and_network(server):
    host = server()
    assert [part.kind for part in host.components] == [
        "cpu", "memory", "accelerator", "operating-system", "virtualisation", "firmware", "machine", "pci-device",
        "python", *(part.kind for part in host.components[9:]),
    ]  # fmt: skip
    assert host.components[2].details["chip"]["id"] == "nvidia-h100-sxm"


def test_serial_numbers_leave_only_when_asked_for(server, config_folder):
    hidden, clear = server(), server(include_serials=True)
    assert H100["Serial"] not in encode(hidden).decode() and H100["Serial"] in encode(clear).decode()
    assert "S3R1AL" not in encode(hidden).decode() and "S3R1AL" in encode(clear).decode()
    gpu = hidden.components[2]
    assert gpu.details["uuid_hash"].startswith("hmac-sha256:") and "uuid" not in gpu.details
    assert server() == hidden
    (config_folder / "identity.key").unlink()
    assert server().components[2].details["uuid_hash"] != gpu.details["uuid_hash"]


def test_no_key_is_made_where_nothing_identifies(tree, config_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(broken=True))
    take_inventory(engines=False, files=tree({"proc/cpuinfo": EPYC}))
    assert list(config_folder.iterdir()) == []


def test_a_key_that_cannot_be_kept_is_told(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHIPASSAY_CONFIG", str(tmp_path / "file" / "below"))
    assert "this process only" in server().unread["identity across runs"]


def test_the_fingerprint_tells_kinds_of_machine_apart_but_not_owners_and_runs(server):
    first = server().fingerprint
    other_gpu = {**H100, "Serial": "9", "UUID": "GPU-9", "PowerManagementLimit": 350000}
    assert server(gpu=other_gpu).fingerprint == first
    assert server(include_serials=True).fingerprint == first
    assert server({"sys/class/dmi/id/product_serial": "S999"}).fingerprint == first
    assert server({"proc/cpuinfo": EPYC.replace("9654", "9554")}).fingerprint != first
    assert server(pci_files("0000:3c:00.0", "10de", "2330", "030200")).fingerprint != first


def test_components_are_plain_records(server):
    for part in server().components:
        assert dataclasses.is_dataclass(part)
        msgspec.json.encode(part.details)
